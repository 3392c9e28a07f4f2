/** The effects of a change of pools and advertisements, found by the same decisions before and after the change. */
import type { Ip } from '../../addr/ip.ts';
import { formatRange } from '../../addr/range.ts';
import type { NodeEligibility } from '../../announce/node-eligibility.ts';
import { coversPool } from '../../api/advertisement.ts';
import type { PoolView } from '../../api/pool.ts';
import { listed } from '../../api/text.ts';
import type { Decision } from '../../ipam/decision.ts';
import { poolReports } from '../../ipam/pool-report.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { type Evaluation, evaluationOf, localServiceAt } from '../cluster/evaluation.ts';
import type { SpeakerAnswer } from '../cluster/speakers.ts';
import { rangesOffLinks } from '../doctor/off-links.ts';
import { mayAnnounce, nodeEligibilities } from '../explain/node-eligibility.ts';
import { wrong } from '../output/failure.ts';
import type { Checked } from './manifests.ts';

/**
 * The effect on a Service. `Gains`: it gets an address that it lacked. `Moves`: it gets another address.
 * `Loses`: it loses its address. `PoolRemoved`: it keeps an address that is no longer in a pool. `Returns`:
 * that address is in a pool again. `Silenced`: no node could announce its address any more. `Announced`: a
 * node could announce it again. `GainsSilent`: it gets an address that no node could announce. `Keeps`: nothing
 * changes.
 */
type PlanEffect =
  | 'Gains'
  | 'GainsSilent'
  | 'Moves'
  | 'Loses'
  | 'PoolRemoved'
  | 'Returns'
  | 'Silenced'
  | 'Announced'
  | 'Keeps';

/** A Service, before and after. */
export interface PlannedService {
  readonly service: string;
  readonly effect: PlanEffect;
  readonly before: readonly string[];
  readonly after: readonly string[];
  /** The reason of the allocation after the change. */
  readonly reason: string;
  readonly message: string;
  /** Addresses that the holder could not keep, and that another node would take over. */
  readonly takenOver: readonly string[];
}

/** An object of the change. */
interface PlannedObject {
  readonly kind: string;
  readonly name: string;
  readonly change: 'Created' | 'Changed' | 'Unchanged' | 'Deleted';
  readonly problems: readonly string[];
}

/** The whole plan. */
export interface PlanFacts {
  readonly objects: readonly PlannedObject[];
  readonly pools: readonly {
    readonly name: string;
    readonly usedBefore: string;
    readonly usedAfter: string;
    readonly freeBefore: string;
    readonly freeAfter: string;
  }[];
  readonly services: readonly PlannedService[];
  readonly harm: number;
}

/** An object that the change deletes. */
export interface Deleted {
  readonly kind: Checked['kind'];
  readonly name: string;
}

const harmful: ReadonlySet<PlanEffect> = new Set(['GainsSilent', 'Moves', 'Loses', 'PoolRemoved', 'Silenced']);

/** Makes the plan. Throws a Failure if an object to delete does not exist. */
export function planFacts(before: Evaluation, checked: readonly Checked[], deleted: readonly Deleted[]): PlanFacts {
  for (const { kind, name } of deleted) {
    const known: readonly { readonly name: string }[] =
      kind === 'IPAddressPool' ? before.cluster.pools : before.cluster.advertisements;
    if (!known.some((one) => one.name === name)) throw wrong(`there is no ${kind} ${name}: nothing would be deleted`);
  }
  const after = afterChange(before, checked, deleted);
  const services = servicesOf(before, after);
  const objects = [
    ...checked.map(({ kind, name, change }) => ({ kind, name, change, problems: problemsOf(after, kind, name) })),
    ...deleted.map(({ kind, name }) => ({ kind, name, change: 'Deleted' as const, problems: [] })),
  ];
  const bad = services.filter(({ effect }) => harmful.has(effect)).length;
  return {
    objects,
    pools: poolsOf(before, after),
    services,
    harm: bad + objects.flatMap(({ problems }) => problems).length,
  };
}

/** The evaluation of the cluster after the change. */
function afterChange(evaluation: Evaluation, checked: readonly Checked[], deleted: readonly Deleted[]): Evaluation {
  const { cluster, answers } = evaluation;
  const replaced = <V extends { readonly name: string }>(kind: Checked['kind'], views: readonly V[]): readonly V[] => {
    const changed = checked.filter((one) => one.kind === kind);
    const gone = new Set([...changed, ...deleted.filter((one) => one.kind === kind)].map(({ name }) => name));
    return [...views.filter(({ name }) => !gone.has(name)), ...changed.map(({ view }) => view as unknown as V)];
  };
  const pools = replaced('IPAddressPool', cluster.pools);
  const advertisements = replaced('L2Advertisement', cluster.advertisements);
  return evaluationOf({ ...cluster, pools, advertisements }, answers);
}

function servicesOf(before: Evaluation, after: Evaluation): readonly PlannedService[] {
  const decisionsBefore = new Map(before.settled.plan.decisions.map((one) => [one.service.key, one]));
  return after.settled.plan.decisions
    .map((decision) => effectOn(decision, decisionsBefore.get(decision.service.key), { before, after }))
    .sort((a, b) => (a.service < b.service ? -1 : 1));
}

interface BeforeAfter {
  readonly before: Evaluation;
  readonly after: Evaluation;
}

function effectOn(now: Decision, was: Decision | undefined, evaluations: BeforeAfter): PlannedService {
  const [had, has] = [bindingsOf(was), bindingsOf(now)];
  const from: readonly string[] = had.map(({ address }) => address);
  const to: readonly string[] = has.map(({ address }) => address);
  const eligibilities = has.map((binding) => ({ ...eligibilitiesOf(binding, evaluations), address: binding.address }));
  const kept = eligibilities.filter(({ address }) => from.includes(address));
  const gained = eligibilities.filter(({ address }) => !from.includes(address));
  const gains = gained.every(({ after }) => after.some(mayAnnounce)) ? 'Gains' : 'GainsSilent';
  const effect = ((): PlanEffect => {
    if (from.length === 0 && to.length > 0) return gains;
    if (from.length > 0 && to.length === 0) return 'Loses';
    if (from.some((address) => !to.includes(address))) return 'Moves';
    if (to.length > from.length) return gains;
    if (kept.some((one) => one.before.some(mayAnnounce) && !one.after.some(mayAnnounce))) return 'Silenced';
    if (now.reason === 'PoolRemoved' && was?.reason !== 'PoolRemoved') return 'PoolRemoved';
    if (now.reason !== 'PoolRemoved' && was?.reason === 'PoolRemoved') return 'Returns';
    if (kept.some((one) => !one.before.some(mayAnnounce) && one.after.some(mayAnnounce))) return 'Announced';
    return 'Keeps';
  })();
  const isHeld = (some: readonly NodeEligibility[]) => some.some(({ reason }) => reason === 'Holder');
  const takenOver = kept.filter((one) => isHeld(one.before) && !isHeld(one.after) && one.after.some(mayAnnounce));
  return {
    service: now.service.key,
    effect,
    before: from,
    after: to,
    reason: now.reason,
    message: messageOf(
      now,
      effect,
      eligibilities.flatMap((one) => one.after),
    ),
    takenOver: takenOver.map(({ address }) => address),
  };
}

function bindingsOf(decision: Decision | undefined): readonly { readonly address: Ip; readonly pool: string }[] {
  return decision?.kind === 'Assigned' ? decision.bindings : [];
}

/**
 * Judges the nodes before and after the change. Before it, the pool is that of the entry; the change may put
 * the address into another pool.
 */
function eligibilitiesOf(
  { address, pool }: { readonly address: Ip; readonly pool: string },
  { before, after }: BeforeAfter,
): { readonly before: readonly NodeEligibility[]; readonly after: readonly NodeEligibility[] } {
  const entry = before.entries.get(address);
  const holder = entry?.recorded?.node;
  const placed = { address, holder, localService: localServiceAt(before, address) };
  return {
    before: nodeEligibilities(before, { ...placed, pool: entry?.pool ?? pool }),
    after: nodeEligibilities(after, { ...placed, pool }),
  };
}

function messageOf({ message }: Decision, effect: PlanEffect, eligibilities: readonly NodeEligibility[]): string {
  const reasons = [...new Set(eligibilities.map(({ reason }) => reason))].join(', ');
  if (effect === 'Silenced') return `no node can announce it any more (${reasons})`;
  return effect === 'GainsSilent' ? `${message}, but no node can announce it (${reasons})` : message;
}

function problemsOf({ settled, cluster, answers }: Evaluation, kind: Checked['kind'], name: string): readonly string[] {
  if (kind === 'L2Advertisement') {
    const missing = cluster.advertisements
      .filter((one) => one.name === name)
      .flatMap(({ pools }) => pools.filter((pool) => !cluster.pools.some((one) => one.name === pool)));
    return missing.map((pool) => `names the pool ${pool}, which does not exist`);
  }
  const reports = poolReports(settled.table, settled.ledger).filter(({ pool }) => pool.name === name);
  const findings = reports.flatMap((report) => report.findings);
  const faults = findings
    .filter(({ type, status }) => (type === 'Ready') !== (status === 'True'))
    .map(({ reason, message }) => `${reason}: ${message}`);
  const view = cluster.pools.find((one) => one.name === name);
  return view === undefined ? faults : [...faults, ...silenceOf(view, cluster, answers)];
}

/** Why no node would announce addresses of a pool. */
function silenceOf(pool: PoolView, { advertisements }: Cluster, answers: readonly SpeakerAnswer[]): readonly string[] {
  if (!advertisements.some((one) => coversPool(one, pool.name)))
    return ['NoAdvertisement: no L2Advertisement covers it'];
  // A speaker that did not answer may have the link.
  if (answers.length === 0 || answers.some(({ status }) => status === undefined)) return [];
  const links = answers.flatMap(({ status }) => status?.links ?? []);
  const outside = rangesOffLinks(pool, advertisements, links);
  return outside.length === 0
    ? []
    : [`NoLink: no node has a link in the network of ${listed(outside.map(formatRange))}`];
}

function poolsOf(before: Evaluation, after: Evaluation): PlanFacts['pools'] {
  const counts = ({ settled }: Evaluation) =>
    new Map(poolReports(settled.table, settled.ledger).map((report) => [report.pool.name, report.counts]));
  const [was, is] = [counts(before), counts(after)];
  return [...new Set([...was.keys(), ...is.keys()])].sort().map((name) => ({
    name,
    usedBefore: was.get(name)?.used ?? '',
    usedAfter: is.get(name)?.used ?? '',
    freeBefore: was.get(name)?.free ?? '',
    freeAfter: is.get(name)?.free ?? '',
  }));
}
