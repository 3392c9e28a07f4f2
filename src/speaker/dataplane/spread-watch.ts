/** Plans the spread of VIPs over nodes, has the paths tested, and knows why a VIP is not spread as wanted. */
import type { Ip } from '../../addr/ip.ts';
import type { DesiredVips } from '../../announce/desired-vips.ts';
import { Membership } from '../../dataplane/plan/membership.ts';
import type { SlotTable } from '../../dataplane/plan/slots.ts';
import type { Spread, SpreadVip, VipPath } from '../../dataplane/plan/spec.ts';
import { planSpread, type SpreadFacts, type SpreadTarget } from '../../dataplane/plan/spread-plan.ts';
import { type SpreadFinding, type SpreadState, spreadFinding } from '../../dataplane/plan/spread-report.ts';
import { readIngressQdiscs } from '../../linux/ingress-qdiscs.ts';
import type { Link } from '../../linux/links.ts';
import { Memo } from '../../memo/memo.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { SpoofTester } from './spoof-tester.ts';
import { type Hosts, spreadTargetsOf } from './spread-targets.ts';

/** The parts that the watch works with. */
interface SpreadParts {
  readonly log: Logger;
  readonly tester: Pick<SpoofTester, 'observe' | 'blockedOn'>;
  /** Why the rules of a VIP on a link are not in the kernel; undefined while they are. */
  readonly fault: (vip: Ip, link: string) => string | undefined;
}

/** The facts that a plan is made from. */
export interface SpreadWorld {
  readonly desired: DesiredVips;
  readonly paths: readonly VipPath[];
  /** The number of ready endpoints of a Service, by node. */
  readonly endpoints: SpreadFacts['endpoints'];
  readonly links: readonly Link[];
  readonly hosts: Omit<Hosts, 'blockedAt'>;
  /** Nodes whose packets with another host's source address do not arrive at another node, as that node reports. */
  readonly reportedBy: (node: string) => readonly string[];
  /** Milliseconds on a monotonic clock. */
  readonly now: number;
}

/** The links are checked again for attached programs after this time. Milliseconds. */
const programsMs = 10_000;

/** Remembers the membership, and the state of each VIP. */
export class SpreadWatch {
  readonly #parts: SpreadParts;
  readonly #membership = new Membership();
  // Thousands of VIPs have the same tables and the same nodes: a result that follows from them is computed once.
  readonly #firsts = new Memo<SlotTable, readonly string[]>();
  readonly #blocked = new Memo<readonly string[], readonly string[]>();
  #states: ReadonlyMap<Ip, Omit<SpreadState, 'fault'>> = new Map();
  #qdiscs: ReadonlySet<number> = new Set();
  #qdiscsAt = Number.NEGATIVE_INFINITY;

  constructor(parts: SpreadParts) {
    this.#parts = parts;
  }

  /** Whether a node was present a moment ago, and is not heard now. The connections that it knows are still passed on to it. */
  isInDoubt(node: string, now: number): boolean {
    return this.#membership.isInDoubt(node, now);
  }

  /** When to plan again even if nothing has changed; undefined: never. */
  nextAt(now: number): number | undefined {
    const settled = this.#membership.nextAt(now) ?? Number.POSITIVE_INFINITY;
    const looked = this.#states.size === 0 ? Number.POSITIVE_INFINITY : this.#qdiscsAt + programsMs;
    const next = Math.min(settled, looked);
    return next === Number.POSITIVE_INFINITY ? undefined : next;
  }

  /** Plans the spread of all VIPs. */
  plan(world: SpreadWorld): Pick<Spread, 'spread' | 'spreadLinks'> {
    const { links, paths, now } = world;
    const { tester } = this.#parts;
    const hosts: Hosts = {
      ...world.hosts,
      blockedAt: (node) =>
        node === world.hosts.self ? links.flatMap(({ name }) => tester.blockedOn(name)) : world.reportedBy(node),
    };
    const { targetFor, neighbors } = spreadTargetsOf(world.desired, hosts);
    const wanted = links.filter(({ name }) => neighbors.has(name));
    const able = wanted.filter((link) => !this.#hasPrograms(link, now));
    tester.observe(able.map((link) => ({ link, neighbors: neighbors.get(link.name) ?? [] })));
    const ableNames = new Set(able.map(({ name }) => name));
    const isAble = (target: SpreadTarget) => ableNames.has(target.link);
    const spread = planSpread(this.#membership, {
      paths,
      targetFor: (vip) => {
        const target = targetFor(vip);
        return target && isAble(target) ? target : undefined;
      },
      endpoints: world.endpoints,
      present: world.hosts.present,
      now,
    });
    const members = new Map(spread.map((one) => [one.vip, this.#membersOf(one)]));
    const states = paths.flatMap(({ address: vip }) => {
      const target = targetFor(vip);
      if (target === undefined) return [];
      const facts = { hasPrograms: !isAble(target), members: members.get(vip) ?? [], blocked: this.#blockedOf(target) };
      return [[vip, { vip, link: target.link, ...facts }] as const];
    });
    this.#states = new Map(states);
    return { spread, spreadLinks: able.map(({ name }) => name) };
  }

  /** Whether a VIP is spread as wanted, and why not; undefined if no L2Advertisement wants that. */
  findingOf(vip: Ip): SpreadFinding | undefined {
    const state = this.#states.get(vip);
    return state && spreadFinding({ ...state, fault: this.#parts.fault(vip, state.link) });
  }

  #hasPrograms({ index, xdp }: Link, now: number): boolean {
    if (now - this.#qdiscsAt >= programsMs) {
      this.#qdiscsAt = now;
      try {
        this.#qdiscs = readIngressQdiscs();
      } catch (error) {
        this.#parts.log.debug({ err: error }, 'cannot read the ingress qdiscs of the links');
      }
    }
    return xdp || this.#qdiscs.has(index);
  }

  #membersOf({ ports }: SpreadVip): readonly string[] {
    const all = [...new Set(ports.map(({ table }) => table))].map((table) => {
      return this.#firsts.of(table, [], () => [...new Set(table.slots.map(({ first }) => first))].sort());
    });
    return all.length === 1 ? (all[0] ?? []) : [...new Set(all.flat())].sort();
  }

  #blockedOf({ reachable, nodes }: SpreadTarget): readonly string[] {
    return this.#blocked.of(nodes, [reachable], () => reachable.filter((node) => !nodes.includes(node)));
  }
}
