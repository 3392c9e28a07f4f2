/** The API server: the desired VIPs, the recorded holders, and watches that lag behind. */
import type { Ip } from '../../src/addr/ip.ts';
import type { Random } from './random.ts';
import type { Schedule } from './schedule.ts';

/** The recorded holder of a VIP. */
export interface HolderRecord {
  readonly node: string;
  readonly term: number;
  readonly links: readonly { readonly mac: string }[];
}

/** A VIP as the cluster's objects have it. */
export interface ApiVip {
  readonly uid: string;
  readonly address: Ip;
  readonly link: string;
  readonly eligible: ReadonlySet<string>;
  readonly recorded: HolderRecord | undefined;
  /** The target of a move by an administrator, until the VIP is there. */
  readonly moveTo?: string | undefined;
}

/** All objects at one moment. */
export interface Snapshot {
  readonly vips: readonly ApiVip[];
  readonly nodes: ReadonlyMap<string, { readonly draining: boolean }>;
}

interface Watcher {
  readonly deliver: (snapshot: Snapshot) => void;
  open: boolean;
  due: boolean;
}

/** The objects and their watches. */
export class Api {
  isDown = false;
  lagMs: readonly [least: number, most: number] = [1, 10];
  readonly #schedule: Schedule;
  readonly #random: Random;
  #vips = new Map<string, ApiVip>();
  #nodes = new Map<string, { readonly draining: boolean }>();
  #snapshot: Snapshot | undefined;
  readonly #watchers = new Map<string, Watcher>();

  constructor(schedule: Schedule, random: Random) {
    this.#schedule = schedule;
    this.#random = random;
  }

  get snapshot(): Snapshot {
    this.#snapshot ??= { vips: [...this.#vips.values()], nodes: new Map(this.#nodes) };
    return this.#snapshot;
  }

  setVip(vip: ApiVip): void {
    this.#vips.set(vip.uid, vip);
    this.#changed();
  }

  setNode(node: string, facts: { readonly draining: boolean } | undefined): void {
    if (facts) this.#nodes.set(node, facts);
    else this.#nodes.delete(node);
    this.#changed();
  }

  /** Writes a record if the server is reachable and has no newer one. */
  record(uid: string, record: HolderRecord): void {
    const vip = this.#vips.get(uid);
    if (this.isDown || vip === undefined || (vip.recorded?.term ?? 0) > record.term) return;
    // The controller removes the request of a move that is complete.
    this.setVip({ ...vip, recorded: record, moveTo: vip.moveTo === record.node ? undefined : vip.moveTo });
  }

  /** Delivers all objects now, and again after each change. */
  watch(node: string, deliver: (snapshot: Snapshot) => void): void {
    this.#watchers.set(node, { deliver, open: true, due: false });
    this.#notify(node);
  }

  unwatch(node: string): void {
    this.#watchers.delete(node);
  }

  /** Breaks the connection of this node's watch. Neither end notices. */
  halfOpen(node: string): void {
    const watcher = this.#watchers.get(node);
    if (watcher) watcher.open = false;
  }

  goDown(): void {
    this.isDown = true;
  }

  /** Makes the server reachable, and all watches work. */
  recover(): void {
    this.isDown = false;
    for (const [node, watcher] of this.#watchers) {
      watcher.open = true;
      this.#notify(node);
    }
  }

  #changed(): void {
    this.#snapshot = undefined;
    for (const node of this.#watchers.keys()) this.#notify(node);
  }

  /** Delivers changes that come at the same time together. */
  #notify(node: string): void {
    const watcher = this.#watchers.get(node);
    if (watcher === undefined || watcher.due) return;
    watcher.due = true;
    const [least, most] = this.lagMs;
    this.#schedule.in(this.#random.between(least, most), () => {
      watcher.due = false;
      if (!this.isDown && watcher.open && this.#watchers.get(node) === watcher) watcher.deliver(this.snapshot);
    });
  }
}
