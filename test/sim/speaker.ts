/** A speaker: a real keeper with the loop that drives it, on virtual sockets. */
import assert from 'node:assert/strict';
import { HolderElector } from '../../src/election/holder-elector.ts';
import type { Vip } from '../../src/election/view.ts';
import { decodeMessage, encodeMessage } from '../../src/liveness/codec.ts';
import type { Claim, Message, PeerLink } from '../../src/liveness/messages.ts';
import type { Api, ApiVip, Snapshot } from './api.ts';
import type { Fabric } from './fabric.ts';
import type { Answer, Meter } from './meter.ts';
import type { Random } from './random.ts';
import type { Schedule } from './schedule.ts';

/** What all speakers share. */
export interface Surroundings {
  readonly schedule: Schedule;
  readonly random: Random;
  readonly fabric: Fabric;
  readonly api: Api;
  readonly meter: Meter;
  /** Where datagrams go, and by which cable. A link's path has the link's name. */
  readonly paths: ReadonlyMap<string, string>;
  /** Links with VIPs; each is a cable of the same name, on which the client is too. */
  readonly links: readonly string[];
  readonly speakers: ReadonlyMap<string, SimSpeaker>;
  /** Messages are encoded and decoded as on a real wire; otherwise they go by reference. */
  readonly isText: boolean;
  /** By uid: the hardware address of a host that is none of the nodes and answers for the VIP. */
  readonly strangers: ReadonlyMap<string, string>;
  /** A new holder's gratuitous ARP reached the client. */
  readonly onGarp: (uid: string, mac: string) => void;
}

const beatMs = 100;
const jitterMs = 4;
const garpRoundsMs = [0, 100, 500, 1_000, 2_000, 5_000];
/** What the kernel keeps of datagrams for a process that sleeps. */
const mostQueued = 1_000;
const listPauseMs = 200;
/** A packet of Ethernet, less what tunnels and IPv6 take of it. */
const mostBytes = 1_400;
const signatureBytes = 32;

/** What is carried of a message. A text is read where it comes first: one receiver has it from several paths. */
type Datagram = () => Message;

function datagramOf(message: Message, isText: boolean): Datagram {
  if (!isText) return () => message;
  const text = encodeMessage(message);
  assert.ok(text.length + signatureBytes <= mostBytes, `a datagram of ${text.length} characters: ${text}`);
  let read: Message | undefined;
  return () => (read ??= decodeMessage(text) ?? assert.fail(`not understood: ${text}`));
}

/** One node's speaker. */
export class SimSpeaker {
  readonly name: string;
  readonly index: number;
  /** undefined while the process does not run. */
  keeper: HolderElector | undefined;
  /** How late its main loop and packet worker say that they are. */
  ages = { loop: 0, worker: 0 };
  /** The rules that it knows. */
  rules: number | undefined;
  readonly #around: Surroundings;
  #run = 0;
  #hasPower = true;
  #paused = false;
  #clockOffset = 0;
  #snapshot: Snapshot | undefined;
  #remembered: readonly Claim[] = [];
  #queue: { readonly datagram: Datagram; readonly path: string }[] = [];
  #answers: ReadonlyMap<string, Answer> = new Map();
  #held = new Map<string, number>();
  #shown: unknown;
  #deaf: ReadonlySet<string> = new Set();
  #woken = false;
  #soon = false;
  #againAt = 0;
  #recordAt = 0;
  readonly #listedAt = new Map<string, number>();
  readonly #peerLinks = new Map<string, readonly PeerLink[]>();
  #vips = new Map<ApiVip, Vip>();

  constructor(around: Surroundings, { name, index }: { readonly name: string; readonly index: number }) {
    this.#around = around;
    this.name = name;
    this.index = index;
  }

  get isUp(): boolean {
    return this.keeper !== undefined && !this.#paused;
  }

  get isRunning(): boolean {
    return this.keeper !== undefined;
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
    if (this.keeper) return;
    const run = ++this.#run;
    this.#hasPower = true;
    // The clock of a process counts from its start; so none is like another one.
    this.#clockOffset = random.between(0, 50) - schedule.now;
    const self = { node: this.name, incarnation: random.incarnation() };
    this.keeper = new HolderElector(self, this.#now, remembers ? this.#remembered : []);
    this.#peerLinks.clear();
    this.#listedAt.clear();
    this.#deaf = new Set();
    this.#vips.clear();
    this.#recordAt = 0;
    this.#queue = [];
    this.#held.clear();
    this.#paused = false;
    this.#againAt = 0;
    this.#soon = false;
    this.#observe();
    api.watch(this.name, (snapshot) => {
      if (this.#run !== run || this.keeper === undefined) return;
      this.#snapshot = snapshot;
      if (!this.#paused) this.#observe();
    });
    const loop = () => {
      if (this.#run !== run || this.keeper === undefined) return;
      if (!this.#paused) this.#tick();
      schedule.in(beatMs + random.between(-jitterMs, jitterMs), loop);
    };
    schedule.in(random.between(0, 20), loop);
  }

  /** The end of the node's power: its kernel answers for nothing, either. */
  powerOff(): void {
    this.#hasPower = false;
    this.kill();
  }

  /** SIGKILL: the node's kernel goes on. */
  kill(): void {
    if (this.keeper === undefined) return;
    this.#remembered = [...this.keeper.claims.values()];
    this.keeper = undefined;
    this.#run++;
    this.#around.api.unwatch(this.name);
    this.#show();
  }

  /** SIGTERM, and back after a while. */
  restart({ downMs, remembers = true }: { readonly downMs: number; readonly remembers?: boolean }): void {
    if (!this.isUp) return;
    this.keeper?.announceState('Restarting');
    this.#tick();
    const run = this.#run;
    // The process goes on answering for a moment, so that nobody is asked in vain before the stand-in knows.
    this.#around.schedule.in(20, () => {
      if (this.#run !== run) return;
      this.kill();
      this.#around.schedule.in(downMs, () => this.start({ remembers }));
    });
  }

  /** SIGSTOP, a stun of the virtual machine: nothing runs, datagrams wait. */
  pause(ms: number): void {
    if (!this.isUp) return;
    const run = this.#run;
    this.#paused = true;
    this.#show();
    this.#around.schedule.in(ms, () => this.#run === run && this.wake());
  }

  /** Goes on. Requests that waited for the packet worker are dropped by it: its main loop is late. */
  wake(): void {
    if (!this.#paused || this.keeper === undefined) return;
    this.#paused = false;
    this.#woken = true;
    const first = this.#around.random.chance(0.5);
    if (first) this.#tick();
    for (const { datagram, path } of this.#queue.splice(0)) this.receive(datagram, path);
    this.#tick();
    this.#observeAnew();
  }

  /** The kernel tells of a link. */
  linksChanged(): void {
    if (this.isUp) this.#observeAnew();
    this.#show();
  }

  receive(datagram: Datagram, path: string): void {
    const { keeper } = this;
    if (keeper === undefined) return;
    if (this.#paused) {
      if (this.#queue.length < mostQueued) this.#queue.push({ datagram, path });
      return;
    }
    const message = datagram();
    const reception = keeper.receive(message, path, this.#now);
    if (keeper.hasUrgentWork) this.#tickSoon();
    if (reception !== 'Taken' || message.kind !== 'Heartbeat') return;
    this.#noteLinks(message.from.node, message.links);
    if (message.wantsClaims) this.#sendList(message.from.node);
  }

  heardOnWire(address: string, mac: string): void {
    if (!this.isUp) return;
    this.keeper?.heardOnWire(address, mac, this.#now);
    this.#tickSoon();
  }

  /** The hardware address that it answers with. */
  answerFor(uid: string): string | undefined {
    return this.isUp ? this.#answers.get(uid)?.mac : undefined;
  }

  get #now(): number {
    return this.#around.schedule.now + this.#clockOffset;
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

  #noteLinks(node: string, links: readonly PeerLink[]): void {
    const before = this.#peerLinks.get(node);
    this.#peerLinks.set(node, links);
    if (JSON.stringify(before) !== JSON.stringify(links)) this.#observeAnew();
  }

  /** Who can serve what is different now: a VIP is another object when it says something else. */
  #observeAnew(): void {
    this.#vips.clear();
    this.#observe();
  }

  #observe(): void {
    const snapshot = this.#snapshot;
    if (snapshot === undefined || this.keeper === undefined) return;
    const own = this.#ownLinks;
    const known = this.#vips;
    this.#vips = new Map(snapshot.vips.map((vip) => [vip, known.get(vip) ?? this.#vipOf(vip)]));
    this.keeper.observe({ vips: [...this.#vips.values()], nodes: snapshot.nodes, links: own });
    this.#tickSoon();
  }

  #vipOf({ uid, address, link, eligible, recorded, moveTo }: ApiVip): Vip {
    const { fabric } = this.#around;
    const serves = (node: string) => {
      if (node === this.name) return fabric.hasCarrier(node, link) && !this.#deaf.has(link);
      return this.#peerLinks.get(node)?.some(({ name }) => name === link) ?? true;
    };
    return { uid, address, eligible, recorded, moveTo, serves };
  }

  #tickSoon(): void {
    if (this.#soon) return;
    this.#soon = true;
    const run = this.#run;
    this.#around.schedule.in(this.#around.random.between(0.2, 3), () => {
      this.#soon = false;
      if (this.#run === run && this.isUp) this.#tick();
    });
  }

  #tick(): void {
    const { keeper } = this;
    if (keeper === undefined) return;
    const { schedule } = this.#around;
    const turn = keeper.tick(this.#now);
    for (const { uid } of turn.reassert) this.#held.delete(uid);
    this.#show({ force: turn.reassert.length > 0 || this.#woken });
    this.#woken = false;
    if (turn.hasDelta) {
      for (const news of keeper.takeDeltas()) for (const node of keeper.others) this.#send(node, news(node));
    }
    for (const node of turn.heartbeats) this.#send(node, keeper.heartbeatFor(node, this.#now, this.ages));
    for (const vip of turn.asks) this.#ask(vip);
    for (const { link, address } of turn.probes) this.#probe(link, address);
    if (turn.deaf !== this.#deaf) {
      this.#deaf = turn.deaf;
      this.#observeAnew();
    }
    this.#keepRecords();
    const run = this.#run;
    const again = turn.again - this.#clockOffset;
    if (again >= schedule.now + beatMs || (again >= this.#againAt && this.#againAt > schedule.now)) return;
    this.#againAt = again;
    schedule.in(Math.max(1, again - schedule.now), () => {
      if (this.#run === run && this.isUp && schedule.now >= this.#againAt) this.#tick();
    });
  }

  #send(to: string, message: Message): void {
    const { fabric, paths, speakers, isText } = this.#around;
    const peer = speakers.get(to);
    if (peer === undefined) return;
    const datagram = datagramOf(message, isText);
    for (const [path, cable] of paths) {
      fabric.send({ from: this.name, to, cable }, () => peer.receive(datagram, path));
    }
  }

  #sendList(node: string): void {
    if (this.#now - (this.#listedAt.get(node) ?? Number.NEGATIVE_INFINITY) < listPauseMs) return;
    this.#listedAt.set(node, this.#now);
    for (const message of this.keeper?.fullSync(node) ?? []) this.#send(node, message);
  }

  /** A broadcast request, by a link that has a signal; each host that answers for the VIP when it comes is heard. */
  #ask({ uid, address }: Vip): void {
    const { schedule, fabric, speakers, strangers } = this.#around;
    const link = this.#linkOf(uid);
    if (link === undefined || !fabric.hasCarrier(this.name, link)) return;
    schedule.in(fabric.latencyMs(), () => {
      const stranger = strangers.get(uid);
      if (stranger !== undefined && fabric.carries(this.name, 'stranger', link) && !fabric.isLost()) {
        schedule.in(fabric.latencyMs(), () => this.heardOnWire(address, stranger));
      }
      for (const other of speakers.values()) {
        if (other === this || !fabric.carries(this.name, other.name, link) || fabric.isLost()) continue;
        const mac = other.answerFor(uid);
        if (mac === undefined || !fabric.carries(other.name, this.name, link) || fabric.isLost()) continue;
        schedule.in(fabric.latencyMs(), () => this.heardOnWire(address, mac));
      }
    });
  }

  /** A node's kernel answers for the node's own addresses, whatever its speaker does. */
  #probe(link: string, address: string): void {
    const { schedule, fabric, speakers } = this.#around;
    for (const other of speakers.values()) {
      if (other === this || !other.#hasPower || other.addressOn(link) !== address) continue;
      if (!fabric.carries(this.name, other.name, link) || !fabric.carries(other.name, this.name, link)) return;
      if (fabric.isLost()) return;
      schedule.in(2 * fabric.latencyMs(), () => this.heardOnWire(address, other.macOn(link)));
    }
  }

  #linkOf(uid: string): string | undefined {
    for (const vip of this.#vips.keys()) if (vip.uid === uid) return vip.link;
    return undefined;
  }

  /** Puts the decisions into effect, and says what the client sees of them. */
  #show({ force = true } = {}): void {
    const { keeper } = this;
    if (!force && keeper?.decisions === this.#shown) return;
    this.#shown = keeper?.decisions;
    const { fabric, meter, schedule, speakers, links } = this.#around;
    const answers = new Map<string, Answer>();
    const seen = new Map<string, Answer>();
    const link = new Map([...this.#vips.keys()].map(({ uid, link }) => [uid, link]));
    for (const { vip, action } of keeper?.decisions ?? []) {
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
          schedule.in(fabric.latencyMs(), () => other.heardOnWire(vip.address, mac));
        }
      });
    }
  }

  /** Once a second, what is held and not on record is written down. */
  #keepRecords(): void {
    const { schedule, random, api } = this.#around;
    if (schedule.now < this.#recordAt) return;
    this.#recordAt = schedule.now + 1_000;
    const records = new Map(this.#snapshot?.vips.map(({ uid, recorded }) => [uid, recorded]));
    const run = this.#run;
    for (const { vip, action, term } of this.keeper?.decisions ?? []) {
      const record = records.get(vip.uid);
      if (action.kind !== 'Hold' || (record?.node === this.name && record.term === term)) continue;
      schedule.in(random.between(20, 300), () => {
        if (this.#run === run && this.isUp) api.record(vip.uid, { node: this.name, term });
      });
    }
  }
}
