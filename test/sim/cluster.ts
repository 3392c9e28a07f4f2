/** A cluster in virtual time: speakers, an API server, a network, and a client that sees the answers. */
import type { Ip } from '../../src/addr/ip.ts';
import { Adversary } from './adversary.ts';
import { Api } from './api.ts';
import { type CableState, Fabric } from './fabric.ts';
import { Meter } from './meter.ts';
import { Random } from './random.ts';
import { Schedule } from './schedule.ts';
import { SimSpeaker, type Surroundings } from './speaker.ts';

/** The parts of a cluster. */
export interface Plan {
  readonly seed: number;
  readonly nodes: number;
  readonly vips: number;
  /** One cable for all traffic (the default), or one for the nodes' own traffic and one for each link. */
  readonly cabling?: 'One' | 'Apart';
  readonly links?: readonly string[];
}

/**
 * Every fourth one of the small clusters sends real datagrams. To encode and decode all messages would double the time of the tests.
 */
const mostInText = 10;

/** The name of the client that sends requests for VIPs. */
export const client = 'client';

/** The cluster. */
export class Cluster {
  readonly seed: number;
  readonly schedule = new Schedule();
  readonly random: Random;
  readonly fabric: Fabric;
  readonly api: Api;
  readonly meter: Meter;
  readonly links: readonly string[];
  readonly speakers = new Map<string, SimSpeaker>();
  /** VIPs that a host which is no node answers for, by uid, with its hardware address. */
  readonly strangers = new Map<string, string>();
  readonly adversary: Adversary;
  /** The client's neighbor cache. */
  readonly neighbors = new Map<string, string>();

  constructor({ seed, nodes, vips, cabling = 'One', links = ['eth0'] }: Plan) {
    this.seed = seed;
    this.random = new Random(seed);
    this.fabric = new Fabric(this.schedule, this.random);
    this.api = new Api(this.schedule, this.random);
    this.meter = new Meter(this.schedule);
    this.links = links;
    // A large number of watches is served one after the other.
    this.api.lagMs = [1, Math.max(10, 2 * nodes)];
    const internal = cabling === 'One' ? (links[0] ?? '') : 'mgmt';
    const paths = new Map([['internal', internal], ...links.map((link): [string, string] => [link, link])]);
    const { schedule, random, fabric, api, meter, speakers, strangers } = this;
    this.adversary = new Adversary({ schedule, random, speakers, strangers });
    const onSent = this.adversary.see;
    const onGarp = (uid: string, mac: string) => this.neighbors.set(uid, mac);
    const isText = seed % 4 === 1 && nodes <= mostInText;
    const around: Surroundings = {
      schedule,
      random,
      fabric,
      api,
      meter,
      paths,
      links,
      speakers,
      strangers,
      onSent,
      onGarp,
      isText,
    };
    for (let index = 0; index < nodes; index++) {
      const name = `node-${index}`;
      this.speakers.set(name, new SimSpeaker(around, { name, index }));
      this.api.setNode(name, { draining: false });
    }
    for (let i = 0; i < vips; i++) this.addVip(i);
  }

  get now(): number {
    return this.schedule.now;
  }

  get names(): readonly string[] {
    return [...this.speakers.keys()];
  }

  get uids(): readonly string[] {
    return [...this.meter.records.keys()];
  }

  /** Adds a VIP, as for a Service that gets an address. */
  addVip(i: number): string {
    const uid = `uid-${i}`;
    const link = this.links[i % this.links.length] ?? '';
    const address = `10.${this.links.indexOf(link)}.${100 + (i >> 8)}.${i & 255}` as Ip;
    this.api.setVip({ uid, address, link, eligible: new Set(this.names), recorded: undefined });
    this.meter.add(uid);
    return uid;
  }

  /** Limits the nodes that may announce a VIP from now on. */
  setEligible(uid: string, nodes: readonly string[]): void {
    const vip = this.api.snapshot.vips.find((one) => one.uid === uid);
    if (vip) this.api.setVip({ ...vip, eligible: new Set(nodes) });
  }

  /** Requests the move of a VIP to a node, as an administrator does. */
  moveTo(uid: string, node: string): void {
    const vip = this.api.snapshot.vips.find((one) => one.uid === uid);
    if (vip) this.api.setVip({ ...vip, moveTo: node });
  }

  speaker(name: string): SimSpeaker {
    const speaker = this.speakers.get(name);
    if (speaker === undefined) throw new Error(`no ${name}`);
    return speaker;
  }

  /** Starts all speakers within `withinMs`, and lets the cluster settle. */
  boot({ withinMs = 300, settleMs = 3_000 } = {}): this {
    for (const speaker of this.speakers.values()) {
      this.schedule.in(this.random.between(0, withinMs), () => speaker.start({ remembers: true }));
    }
    this.run(settleMs);
    return this;
  }

  run(ms: number): this {
    this.schedule.runFor(ms);
    return this;
  }

  /** On these cables, separates the nodes of `names` from all other hosts, also from the client. */
  partition(names: readonly string[], cables: readonly string[], segment = 1): void {
    for (const name of names) for (const cable of cables) this.fabric.setSegment(name, cable, segment);
    this.#linksChanged();
  }

  setCable(name: string, cable: string, state: CableState): void {
    this.fabric.setCable(name, cable, state);
    this.#linksChanged();
  }

  /** Repairs the network, the firewalls and the API server. */
  heal(): void {
    this.fabric.heal();
    this.adversary.stop();
    this.api.recover();
    this.#linksChanged();
  }

  #linksChanged(): void {
    for (const speaker of this.speakers.values()) speaker.linksChanged();
  }

  /** The holders of a VIP, as the running speakers see it. */
  viewsOf(uid: string): ReadonlySet<string | undefined> {
    const views = new Set<string | undefined>();
    for (const { isRunning, decisions } of this.speakers.values()) {
      if (isRunning) views.add(decisions.find(({ vip }) => vip.uid === uid)?.holder);
    }
    return views;
  }

  /** The VIPs that this node holds by its own decision. */
  heldBy(name: string): readonly string[] {
    const { decisions } = this.speaker(name);
    return decisions.filter(({ action }) => action.kind === 'Hold').map(({ vip }) => vip.uid);
  }

  /** The node that holds a VIP. */
  holderOf(uid: string): string | undefined {
    return this.names.find((name) => this.speaker(name).isRunning && this.heldBy(name).includes(uid));
  }

  /** The holder of each VIP that the client reaches. It is listed twice if the client gets two answers. */
  holders(): readonly string[] {
    return this.uids.flatMap((uid) => this.meter.holdersOf(uid));
  }

  /** VIPs for which no node answers the client. */
  unreached(): readonly string[] {
    return this.uids.filter((uid) => this.meter.macsOf(uid).length === 0);
  }

  /** VIPs without exactly one answer, or with running speakers that disagree on the holder. */
  unsettled(): readonly string[] {
    return this.uids.filter((uid) => {
      const [mac, ...others] = this.meter.macsOf(uid);
      const views = this.viewsOf(uid);
      return mac === undefined || others.length > 0 || views.size !== 1 || views.has(undefined);
    });
  }
}
