/** Cables, switches and firewalls: they decide which frames and datagrams arrive at which host, and when. */
import type { Random } from './random.ts';
import type { Schedule } from './schedule.ts';

/** `Dark`: the link has carrier, but no traffic passes. */
export type CableState = 'Up' | 'NoCarrier' | 'Dark';

/** What the network does to each datagram. */
export interface Impairment {
  latencyMs: readonly [least: number, most: number];
  /** Probability that a datagram or frame is lost. */
  loss: number;
  /** Probability that a datagram arrives twice. */
  twice: number;
}

/** A network for all cables of the same name. Every host on it hears every other one until a test changes that. */
export class Fabric {
  readonly impairment: Impairment = { latencyMs: [0.1, 0.5], loss: 0, twice: 0 };
  /** Nodes whose firewall drops datagrams in both directions. ARP passes. */
  readonly blocked = new Set<string>();
  /** Groups of nodes between which a firewall drops datagrams in both directions. ARP passes. */
  portGroups: readonly (readonly string[])[] = [];
  /** The number of datagrams that each host has sent. */
  readonly sent = new Map<string, number>();
  readonly #schedule: Schedule;
  readonly #random: Random;
  readonly #states = new Map<string, CableState>();
  readonly #segments = new Map<string, number>();
  readonly #oneWay = new Set<string>();

  constructor(schedule: Schedule, random: Random) {
    this.#schedule = schedule;
    this.#random = random;
  }

  setCable(host: string, cable: string, state: CableState): void {
    if (state === 'Up') this.#states.delete(`${host}/${cable}`);
    else this.#states.set(`${host}/${cable}`, state);
  }

  hasCarrier(host: string, cable: string): boolean {
    return this.#states.get(`${host}/${cable}`) !== 'NoCarrier';
  }

  /** Moves a host to a segment. A host reaches only hosts of its own segment. Every host starts in segment 0. */
  setSegment(host: string, cable: string, segment: number): void {
    if (segment === 0) this.#segments.delete(`${host}/${cable}`);
    else this.#segments.set(`${host}/${cable}`, segment);
  }

  /** Drops all traffic from one host to another one. The opposite direction is not touched. */
  loseOneWay(from: string, to: string, cable: string): void {
    this.#oneWay.add(`${from}>${to}/${cable}`);
  }

  heal(): void {
    this.#states.clear();
    this.#segments.clear();
    this.#oneWay.clear();
    this.blocked.clear();
    this.portGroups = [];
    Object.assign(this.impairment, { loss: 0, twice: 0 });
  }

  /** Whether frames from one host can reach another one. Random loss is not considered. */
  carries(from: string, to: string, cable: string): boolean {
    if (this.#states.size === 0 && this.#segments.size === 0 && this.#oneWay.size === 0) return true;
    if (this.#states.has(`${from}/${cable}`) || this.#states.has(`${to}/${cable}`)) return false;
    const segment = (host: string) => this.#segments.get(`${host}/${cable}`) ?? 0;
    return segment(from) === segment(to) && !this.#oneWay.has(`${from}>${to}/${cable}`);
  }

  latencyMs(): number {
    const [least, most] = this.impairment.latencyMs;
    return this.#random.between(least, most);
  }

  isLost(): boolean {
    return this.impairment.loss > 0 && this.#random.chance(this.impairment.loss);
  }

  /** Carries a datagram. Each one has its own latency, so a datagram can overtake another one. */
  send({ from, to, cable }: { from: string; to: string; cable: string }, deliver: () => void): void {
    this.sent.set(from, (this.sent.get(from) ?? 0) + 1);
    if (this.blocked.has(from) || this.blocked.has(to) || !this.carries(from, to, cable)) return;
    const group = this.portGroups.find((one) => one.includes(from));
    if (group && !group.includes(to)) return;
    const copies = this.#random.chance(this.impairment.twice) ? 2 : 1;
    for (let i = 0; i < copies; i++) if (!this.isLost()) this.#schedule.in(this.latencyMs(), deliver);
  }
}
