/** A speaker of the simulation: the real election runner, on a virtual clock and virtual sockets. */
import assert from 'node:assert/strict';
import type { WireClaim } from '../../src/election/link-probes.ts';
import type { HolderDecision, Vip } from '../../src/election/view.ts';
import { decodeMessage, encodeMessage } from '../../src/liveness/codec.ts';
import type { Claim, Message, PeerLink } from '../../src/liveness/messages.ts';
import type { Cancel, Clock } from '../../src/runtime/clock.ts';
import { ElectionRunner } from '../../src/speaker/election/election-runner.ts';
import type { WireProbe } from '../../src/speaker/election/wire-probes.ts';
import type { Api, ApiVip, Snapshot } from './api.ts';
import type { Fabric } from './fabric.ts';
import type { Answer, Meter } from './meter.ts';
import type { Random } from './random.ts';
import type { Schedule } from './schedule.ts';

/** The parts that all speakers share. */
export interface Surroundings {
  readonly schedule: Schedule;
  readonly random: Random;
  readonly fabric: Fabric;
  readonly api: Api;
  readonly meter: Meter;
  /** The paths of datagrams, each with its cable. The path of a link has the link's name. */
  readonly paths: ReadonlyMap<string, string>;
  /** Links with VIPs. Each has a cable of the same name, to which the client is connected too. */
  readonly links: readonly string[];
  readonly speakers: ReadonlyMap<string, SimSpeaker>;
  /** Whether messages are encoded and decoded as on a real network. Otherwise they are passed by reference. */
  readonly isText: boolean;
  /** The hardware addresses of hosts that are no nodes and answer for VIPs, by uid. */
  readonly strangers: ReadonlyMap<string, string>;
  /** Is called for each datagram that is sent, so that a foreign host can see it. */
  readonly onSent: (to: string, datagram: Datagram) => void;
  /** Is called when a new holder's gratuitous ARP has reached the client. */
  readonly onGarp: (uid: string, mac: string) => void;
}

const jitterMs = 4;
const garpRoundsMs = [0, 100, 500, 1_000, 2_000, 5_000];
/** The number of datagrams that the kernel queues for a paused process. */
const mostQueued = 1_000;
/** The size of an Ethernet packet without the headers of tunnels and of IPv6. */
const mostBytes = 1_400;
const signatureBytes = 32;

/** A message under way. A text is decoded only once, because a receiver can get it on several paths. */
export type Datagram = () => Message;

function datagramOf(message: Message, isText: boolean): Datagram {
  if (!isText) return () => message;
  const text = encodeMessage(message);
  assert.ok(text.length + signatureBytes <= mostBytes, `a datagram of ${text.length} characters: ${text}`);
  let read: Message | undefined;
  return () => (read ??= decodeMessage(text) ?? assert.fail(`not understood: ${text}`));
}

/** The speaker of one node. */
export class SimSpeaker {
  readonly name: string;
  readonly index: number;
  /** undefined while the process does not run. */
  runner: ElectionRunner | undefined;
  /** The age of the packet worker's last heartbeat, in milliseconds. */
  workerAgeMs = 0;
  readonly #around: Surroundings;
  #run = 0;
  #hasPower = true;
  #paused = false;
  #clockOffset = 0;
  #snapshot: Snapshot | undefined;
  #remembered: readonly Claim[] = [];
  /** Datagrams that arrived, and timers that expired, while the process was paused. */
  #queue: { readonly datagram: Datagram; readonly path: string }[] = [];
  #overdue: (() => void)[] = [];
  #answers: ReadonlyMap<string, Answer> = new Map();
  #held = new Map<string, number>();
  #recordAt = 0;
  #vips = new Map<ApiVip, Vip>();

  constructor(around: Surroundings, { name, index }: { readonly name: string; readonly index: number }) {
    this.#around = around;
    this.name = name;
    this.index = index;
  }

  get isUp(): boolean {
    return this.runner !== undefined && !this.#paused;
  }

  get isRunning(): boolean {
    return this.runner !== undefined;
  }

  /** The decisions of its runner. */
  get decisions(): readonly HolderDecision[] {
    return this.runner?.decisions ?? [];
  }

  macOn(link: string): string {
    const hex = (value: number) => value.toString(16).padStart(2, '0');
    return `02:00:00:${hex(this.#around.links.indexOf(link))}:${hex(this.index >> 8)}:${hex(this.index & 255)}`;
  }

  addressOn(link: string): string {
    return `10.${this.#around.links.indexOf(link)}.${this.index >> 8}.${(this.index & 255) + 1}`;
  }

  /** Starts the process. */
  start({ remembers }: { readonly remembers: boolean }): void {
    const { schedule, random, api } = this.#around;
    if (this.runner) return;
    const run = ++this.#run;
    this.#hasPower = true;
    // The clock of a process counts from its start, so no two clocks agree.
    this.#clockOffset = random.between(0, 50) - schedule.now;
    this.runner = this.#makeRunner(remembers ? this.#remembered : []);
    this.#vips.clear();
    this.#recordAt = 0;
    this.#queue = [];
    this.#overdue = [];
    this.#held.clear();
    this.#paused = false;
    this.#observe();
    api.watch(this.name, (snapshot) => {
      if (this.#run !== run || this.runner === undefined) return;
      this.#snapshot = snapshot;
      if (!this.#paused) this.#observe();
    });
  }

  /** Cuts the power of the node: its kernel does not answer either. */
  powerOff(): void {
    this.#hasPower = false;
    this.kill();
  }

  /** SIGKILL: the node's kernel continues to answer for the node's own addresses. */
  kill(): void {
    if (this.runner === undefined) return;
    this.#remembered = this.runner.toRemember;
    this.runner.close();
    this.runner = undefined;
    this.#run++;
    this.#around.api.unwatch(this.name);
    this.#show();
  }

  /** SIGTERM, and a new start after some time. */
  restart({ downMs, remembers = true }: { readonly downMs: number; readonly remembers?: boolean }): void {
    if (!this.isUp) return;
    this.runner?.announceRestart();
    const run = this.#run;
    // The process continues to answer for a moment, so that no request stays without an answer before the stand-in answers.
    this.#around.schedule.in(20, () => {
      if (this.#run !== run) return;
      this.kill();
      this.#around.schedule.in(downMs, () => this.start({ remembers }));
    });
  }

  /** SIGSTOP, or a pause of the virtual machine: nothing runs, and datagrams are queued. */
  pause(ms: number): void {
    if (!this.isUp) return;
    const run = this.#run;
    this.#paused = true;
    this.#show();
    this.#around.schedule.in(ms, () => this.#run === run && this.wake());
  }

  /** Ends the pause. The packet worker drops the requests that are queued for it, because its main loop is late. */
  wake(): void {
    const { runner } = this;
    if (!this.#paused || runner === undefined) return;
    this.#paused = false;
    // The packet worker reports the stall, timers have expired, and datagrams are queued: the event loop handles them in any order.
    const timers = () => {
      for (const call of this.#overdue.splice(0)) call();
      runner.decideNow();
    };
    const first = this.#around.random.chance(0.5);
    if (first) timers();
    for (const { datagram, path } of this.#queue.splice(0)) this.receive(datagram, path);
    timers();
    this.#show();
    this.#observeAnew();
  }

  /** Reports a change of a link, as the kernel does. */
  linksChanged(): void {
    if (this.isUp) this.#observeAnew();
    this.#show();
  }

  receive(datagram: Datagram, path: string): void {
    const { runner } = this;
    if (runner === undefined) return;
    if (!this.#paused) runner.receive(datagram(), path);
    else if (this.#queue.length < mostQueued) this.#queue.push({ datagram, path });
  }

  heardOnWire(claim: WireClaim): void {
    if (this.isUp) this.runner?.heardOnWire(claim);
  }

  /** The hardware address with which the speaker answers for a VIP. */
  answerFor(uid: string): string | undefined {
    return this.isUp ? this.#answers.get(uid)?.mac : undefined;
  }

  /** The real runner, on this process's virtual clock, network and probes. */
  #makeRunner(claims: readonly Claim[]): ElectionRunner {
    const runner = new ElectionRunner({
      ...{ node: this.name, incarnation: this.#around.random.incarnation(), claims },
      workerAgeMs: () => this.workerAgeMs,
      ports: {
        clock: this.#clock(),
        send: this.#send,
        probe: (probes) => probes.filter((probe) => !this.#probe(probe)),
      },
    });
    runner.decided.to(() => this.#show());
    runner.reasserted.to((vips) => {
      for (const { uid } of vips) this.#held.delete(uid);
      this.#show();
    });
    runner.linksChanged.to(() => this.#observeAnew());
    runner.ticked.to(() => this.#keepRecords());
    return runner;
  }

  /** Timers are late by some milliseconds, and do not run while the process is paused. */
  #clock(): Clock {
    const { schedule, random } = this.#around;
    const run = this.#run;
    const offset = this.#clockOffset;
    const after = (ms: number, call: () => void): Cancel => {
      let isWanted = true;
      const due = () => {
        if (isWanted) call();
      };
      schedule.in(ms, () => {
        if (this.#run !== run || !isWanted) return;
        if (this.#paused) this.#overdue.push(due);
        else due();
      });
      return () => {
        isWanted = false;
      };
    };
    return {
      now: () => schedule.now + offset,
      after: (ms, call) => after(ms + random.between(0, jitterMs), call),
      soon: (call) => after(random.between(0.2, 3), call),
    };
  }

  get #ownLinks(): readonly PeerLink[] {
    const { fabric, links } = this.#around;
    return links
      .filter((link) => fabric.hasCarrier(this.name, link))
      .map((link) => ({
        name: link,
        mac: this.macOn(link),
        addresses: [`${this.addressOn(link)}/16`],
      }));
  }

  /** Handles a change of the nodes that can serve VIPs. A VIP with other facts must be another object. */
  #observeAnew(): void {
    this.#vips.clear();
    this.#observe();
  }

  #observe(): void {
    const snapshot = this.#snapshot;
    if (snapshot === undefined || this.runner === undefined) return;
    const known = this.#vips;
    this.#vips = new Map(snapshot.vips.map((vip) => [vip, known.get(vip) ?? this.#vipOf(vip)]));
    this.runner.observe({ vips: [...this.#vips.values()], nodes: snapshot.nodes, links: this.#ownLinks });
  }

  #vipOf({ uid, address, link, eligible, recorded, moveTo }: ApiVip): Vip {
    const { fabric } = this.#around;
    const serves = (node: string) => {
      if (node === this.name) return fabric.hasCarrier(node, link) && !this.runner?.noInboundTraffic.has(link);
      return this.runner?.linksOf(node)?.some(({ name }) => name === link) ?? true;
    };
    return { uid, address, eligible, recorded, moveTo, serves, linksOf: () => [link] };
  }

  #send = (to: string, message: Message): void => {
    const { fabric, paths, speakers, isText, onSent } = this.#around;
    const peer = speakers.get(to);
    if (peer === undefined) return;
    const datagram = datagramOf(message, isText);
    onSent(to, datagram);
    for (const [path, cable] of paths) {
      fabric.send({ from: this.name, to, cable }, () => peer.receive(datagram, path));
    }
  };

  /** Probes an address: a VIP, or a node's own address. Returns whether a probe was sent: only a link that has carrier sends. */
  #probe = ({ address, links, to }: WireProbe): boolean => {
    const vip = [...this.#vips.keys()].find((one) => one.address === address);
    const on = links.filter((link) => this.#around.fabric.hasCarrier(this.name, link));
    for (const link of on) {
      if (vip === undefined) this.#probeNode(link, address);
      else if (vip.link === link) this.#probeVip(vip, to);
    }
    return on.length > 0;
  };

  /**
   * Sends a request to all hosts, or to one. Every host that gets it, and answers for the VIP at its arrival, sends a reply. A switch that
   * answers in the name of a node forwards a request to that node alone.
   */
  #probeVip({ uid, address, link }: ApiVip, to?: string): void {
    const { schedule, fabric, speakers, strangers } = this.#around;
    schedule.in(fabric.latencyMs(), () => {
      const stranger = strangers.get(uid);
      const isSwitch = [...speakers.values()].some((other) => other.macOn(link) === stranger);
      const isAsked = to === undefined || (to === stranger && !isSwitch);
      if (stranger !== undefined && isAsked && fabric.carries(this.name, 'stranger', link) && !fabric.isLost()) {
        schedule.in(fabric.latencyMs(), () => this.heardOnWire({ address, mac: stranger, link }));
      }
      for (const other of speakers.values()) {
        if (other === this || !fabric.carries(this.name, other.name, link) || fabric.isLost()) continue;
        if (to !== undefined && other.macOn(link) !== to) continue;
        const mac = other.answerFor(uid);
        if (mac === undefined || !fabric.carries(other.name, this.name, link) || fabric.isLost()) continue;
        schedule.in(fabric.latencyMs(), () => this.heardOnWire({ address, mac, link }));
      }
    });
  }

  /** Probes a node's own address. Its kernel answers, whatever its speaker does. */
  #probeNode(link: string, address: string): void {
    const { schedule, fabric, speakers } = this.#around;
    for (const other of speakers.values()) {
      if (other === this || !other.#hasPower || other.addressOn(link) !== address) continue;
      if (!fabric.carries(this.name, other.name, link) || !fabric.carries(other.name, this.name, link)) return;
      if (fabric.isLost()) return;
      schedule.in(2 * fabric.latencyMs(), () => this.heardOnWire({ address, mac: other.macOn(link), link }));
    }
  }

  /** Applies the decisions, and tells the meter what the client sees of them. */
  #show(): void {
    const { fabric, meter, schedule, speakers, links } = this.#around;
    const answers = new Map<string, Answer>();
    const seen = new Map<string, Answer>();
    const link = new Map([...this.#vips.keys()].map(({ uid, link }) => [uid, link]));
    for (const { vip, action } of this.decisions) {
      const on = link.get(vip.uid) ?? links[0] ?? '';
      if (action.kind === 'Silent' || !fabric.hasCarrier(this.name, on)) continue;
      const holds = action.kind === 'Hold';
      const mac = holds ? this.macOn(on) : speakers.get(action.node)?.macOn(on);
      if (mac === undefined) continue;
      answers.set(vip.uid, { mac, holds });
      const isReached = fabric.carries(this.name, 'client', on) && fabric.carries('client', this.name, on);
      if (this.isUp && isReached) seen.set(vip.uid, { mac, holds });
    }
    this.#answers = answers;
    meter.update(this.name, seen);
    if (!this.isUp) return;
    for (const uid of this.#held.keys()) if (!answers.get(uid)?.holds) this.#held.delete(uid);
    for (const [uid, { holds }] of answers) {
      if (!holds || this.#held.has(uid)) continue;
      this.#held.set(uid, schedule.now);
      this.#recordAt = 0;
      this.#burst(uid, schedule.now);
    }
  }

  #burst(uid: string, since: number): void {
    const { schedule, fabric, speakers, onGarp, api } = this.#around;
    const run = this.#run;
    const vip = api.snapshot.vips.find((one) => one.uid === uid);
    if (vip === undefined) return;
    const mac = this.macOn(vip.link);
    for (const ms of garpRoundsMs) {
      schedule.in(ms, () => {
        if (this.#run !== run || !this.isUp || this.#held.get(uid) !== since) return;
        if (fabric.carries(this.name, 'client', vip.link)) onGarp(uid, mac);
        for (const other of speakers.values()) {
          if (other === this || !fabric.carries(this.name, other.name, vip.link) || fabric.isLost()) continue;
          schedule.in(fabric.latencyMs(), () => other.heardOnWire({ address: vip.address, mac, link: vip.link }));
        }
      });
    }
  }

  /** Writes the records of held VIPs that have none yet, once a second. */
  #keepRecords(): void {
    const { schedule, random, api } = this.#around;
    if (schedule.now < this.#recordAt) return;
    this.#recordAt = schedule.now + 1_000;
    const records = new Map(this.#snapshot?.vips.map(({ uid, recorded }) => [uid, recorded]));
    const linkOf = new Map(this.#snapshot?.vips.map(({ uid, link }) => [uid, link]));
    const run = this.#run;
    for (const { vip, action, term } of this.decisions) {
      const record = records.get(vip.uid);
      const links = [{ mac: this.macOn(linkOf.get(vip.uid) ?? '') }];
      if (action.kind !== 'Hold' || (record?.node === this.name && record.term === term)) continue;
      schedule.in(random.between(20, 300), () => {
        if (this.#run === run && this.isUp) api.record(vip.uid, { node: this.name, term, links });
      });
    }
  }
}
