/** A new VIP for each test of which node holds a VIP: earlier tests have no effect on it, and it has never moved before. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { eventually, type Lab, type LabHost } from '../lab/cluster.ts';
import { another } from '../probe/backend.ts';
import type { Findings } from '../probe/findings.ts';
import { answeredWithin, atMostTwice, Late, type Promised } from '../probe/judgement.ts';
import { Prober } from '../probe/prober.ts';
import { addressOf } from './berth.ts';
import { forgets, knowsHolder, speakerLogs } from './speaker-process.ts';

/**
 * README.md: a dead node is noticed within half a second. This is the time from the last answer of the dead holder to the first answer of
 * the next one. A peer is dead after 400 ms of silence, which may have begun up to 100 ms before its death.
 */
export const takeover: Promised = { mostMs: 500, awaitedMs: 300 };
/** A living holder answers every probe. The client sends one every 20 ms, and a few may be lost. */
const always: Promised = { mostMs: 250, awaitedMs: 0 };
/** Make-before-break: both nodes answer until the former holder gets the claim of the next one, which sends it at once. */
const handOverMs = 150;
const peaceMs = 1_000;

/** Where a scene is played. `backends` is the name under which {@link another} finds the backends. */
export interface Place {
  readonly lab: Lab;
  readonly backends: string;
}

/** A VIP, and the prober that sends requests to it. */
export class Scene {
  readonly vip: string;
  readonly prober: Prober;
  /** The node that held the VIP at the beginning. */
  readonly holder: LabHost;
  /** All other nodes. */
  readonly others: readonly LabHost[];

  private constructor(lab: Lab, { vip, prober }: { readonly vip: string; readonly prober: Prober }) {
    this.vip = vip;
    this.prober = prober;
    this.holder = prober.holder();
    this.others = lab.nodes.filter(({ name }) => name !== this.holder.name);
  }

  /** Plays a scene with a new VIP, and once more if an answer came late. After a failure the speakers' logs are printed. */
  static play(t: TestContext, place: Place, act: (scene: Scene) => Promise<void>): Promise<void> {
    return atMostTwice(t, async () => {
      const since = new Date();
      try {
        await Scene.#once(place, act);
      } catch (error) {
        t.diagnostic(await speakerLogs(place.lab, since).catch((failure: Error) => failure.message));
        throw error;
      }
    });
  }

  static async #once({ lab, backends }: Place, act: (scene: Scene) => Promise<void>): Promise<void> {
    const name = `vip-${crypto.randomUUID().slice(0, 8)}`;
    await lab.apply(another(name, backends));
    let prober: Prober | undefined;
    let vip = '';
    try {
      vip = await addressOf(lab, name);
      prober = await Prober.start(lab, vip);
      await prober.peace(peaceMs);
      // A node that does not know the VIP yet, as after an outage of the API server, cannot take it over.
      for (const node of lab.nodes) await knowsHolder(node, { vip, holder: prober.holder().name });
      await act(new Scene(lab, { vip, prober }));
    } finally {
      prober?.close();
      await lab.api.delete('services', name);
      // The next scene gets the same address: a node that was cut off may know of the deletion late, and would still answer for it.
      for (const node of lab.nodes) await forgets(node, vip);
    }
  }

  /** Waits until another node answers. */
  async moved(): Promise<void> {
    await eventually('another holder', () => this.prober.holder().name !== this.holder.name, { everyMs: 20 });
  }

  /** Checks that the holder alone answered, all the time. */
  stayed(found: Findings): void {
    alone(found, this.holder);
  }

  /** Checks that exactly one node answered at any time, whichever it was. */
  neverSilent(found: Findings): void {
    assert.equal(found.twoMacsMs, 0, 'two holders');
    answeredWithin(always, found);
  }

  /** Checks that another node took over from a silent one within the promised time, and that both never answered at once. */
  wasTakenOver(found: Findings): void {
    this.#movedOnce(found);
    assert.equal(found.twoMacsMs, 0, 'two holders');
    answeredWithin(takeover, found);
  }

  /** Checks that the holder handed the VIP over: one of the two nodes answered at any time, and both for a moment at most. */
  wasHandedOver(found: Findings): void {
    this.#movedOnce(found);
    if (found.twoMacsMs > handOverMs) throw new Late(`two holders for ${found.twoMacsMs} ms`);
    answeredWithin(always, found);
  }

  #movedOnce({ macs }: Findings): void {
    assert.equal(macs.length, 2, `${macs}`);
    assert.equal(macs[0], this.holder.mac);
  }
}

/** Checks that this node alone answered, all the time. */
export function alone(found: Findings, { mac }: LabHost): void {
  assert.deepEqual(found.macs, [mac]);
  assert.equal(found.twoMacsMs, 0, 'two holders');
  answeredWithin(always, found);
}

/** Checks that every attempt succeeded. */
export function servedAll({ total, outcomes }: Findings): void {
  assert.equal(total.failed, 0, JSON.stringify(outcomes));
}

/** A connection that is open in the moment of a move ends: the next node does not know it. One attempt lasts a few of the 20 ms between two. */
export function servedAllButOneUnderWay(found: Findings): void {
  servedAllButUnderWay(found, 1);
}

/** The same for this many moves. */
export function servedAllButUnderWay({ total, outcomes }: Findings, moves: number): void {
  assert.ok(total.failed <= moves && total.failed === (outcomes.ECONNRESET ?? 0), JSON.stringify(outcomes));
}
