/** What must hold of every write and at every moment, whatever happened before. */
import assert from 'node:assert/strict';
import type { AllocationView, ServiceRef } from '../../../src/api/allocation.ts';
import { ingressText, type ServiceView } from '../../../src/api/service.ts';
import type { Plan, Snapshot } from '../../../src/ipam/allocate.ts';
import { isSameName } from '../../../src/ipam/book.ts';
import { isForeign } from '../../../src/ipam/ownership.ts';
import { portName } from '../../../src/ipam/sharing.ts';
import { ownership } from '../fixtures.ts';
import { checkPlan, explained, shows } from './plan-rules.ts';
import { ip } from './plans.ts';
import type { Witness, World } from './world.ts';

/** Watches all that is planned and written in a world. */
export class Judge implements Witness {
  readonly #world: World;
  readonly #isBesideOthers: boolean;

  constructor(world: World, { isBesideOthers = false } = {}) {
    this.#world = world;
    this.#isBesideOthers = isBesideOthers;
  }

  plan(known: Snapshot, plan: Plan): void {
    checkPlan(known, plan);
  }

  entry(before: AllocationView | undefined, after: AllocationView | undefined): void {
    explained('A8 an entry never names two who use one port', () => {
      const added = (after?.services ?? []).filter((ref) => !before?.services.some((other) => isSameName(ref, other)));
      for (const ref of added) {
        // An edit that nobody has seen yet may make or end a collision.
        const usesStill = ({ namespace, name, uid, ports = [] }: ServiceRef) => {
          const live = this.#world.services.get(`${namespace}/${name}`);
          return live?.uid === uid
            ? ports.filter((one) => live.ports.some((port) => portName(port) === portName(one)))
            : [];
        };
        const others = (after?.services ?? []).filter((other) => other.uid !== ref.uid);
        const taken = others.flatMap(usesStill).map(portName);
        const doubled = ref.ports?.map(portName).find((port) => taken.includes(port));
        assert.equal(doubled, undefined, `${after?.address}: ${ref.name} joins`);
      }
      const isShared = added.length > 0 && (after?.services.length ?? 0) > 1;
      assert.ok(!isShared || after?.sharingKey !== undefined, `${after?.address} is shared without a key`);
    });
    explained('an entry is one that the API server takes', () => {
      const { services = [], reservedUntil } = after ?? {};
      assert.ok(
        after === undefined || services.length > 0 || reservedUntil !== undefined,
        `${after?.address} is of nobody`,
      );
    });
    explained('A8 nobody is struck from an entry who shows its address', () => {
      for (const ref of before?.services ?? []) {
        if (after?.services.some(({ uid }) => uid === ref.uid)) continue;
        const live = this.#world.services.get(`${ref.namespace}/${ref.name}`);
        if (before?.reservedUntil !== undefined) continue;
        const isShown = live?.uid === ref.uid && live.isLoadBalancer && shows(live, before?.address ?? '');
        assert.ok(!isShown, `${before?.address} of ${ref.name}`);
      }
    });
    explained('G1 what is kept back is for nobody else', () => {
      if (before?.reservedUntil === undefined || before.reservedUntil <= this.#world.now) return;
      const cameBack = after?.services.some((ref) => before.services.some((one) => isSameName(one, ref)));
      assert.ok(cameBack ?? true, `${after?.services[0]?.name} gets ${before.address}`);
      assert.notEqual(after, undefined, `${before.address} is deleted`);
    });
  }

  status(before: ServiceView, after: ServiceView): void {
    this.#shown(after);
    explained('E2 what another program wrote is replaced only once it was quiet, and never cleared', () => {
      if (!isForeign(before, ownership) || ingressText(before.ingress) === ingressText(after.ingress)) return;
      const quietMs = this.#world.now - Math.max(...before.ingressWriters.map(({ at }) => at));
      assert.ok(quietMs >= 60_000 && after.ingress.length > 0, `${after.key} after ${quietMs} ms`);
    });
  }

  /** What must hold at any moment. */
  moment(): void {
    for (const service of this.#world.services.values()) this.#shown(service);
  }

  #shown(service: ServiceView): void {
    if (!service.isLoadBalancer || this.#isBesideOthers) return;
    explained('an address that a Service shows is in the ledger as its own', () => {
      for (const { ip: text = '' } of service.ingress) {
        const entry = this.#world.ledger.get(ip(text));
        assert.ok(
          entry?.services.some(({ uid }) => uid === service.uid),
          `${service.key} shows ${text}`,
        );
      }
    });
  }
}
