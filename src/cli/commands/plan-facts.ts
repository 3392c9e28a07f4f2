/** What a change of pools and advertisements would do: the same decisions, before and after. */
import type { Ip } from '../../addr/ip.ts';
import type { NodeEligibility } from '../../announce/node-eligibility.ts';
import type { Decision } from '../../ipam/decision.ts';
import { poolReports } from '../../ipam/pool-report.ts';
import { type Evaluation, evaluationOf, localServiceAt } from '../cluster/evaluation.ts';
import { nodeEligibilities } from '../explain/node-eligibility.ts';
import type { Checked } from './manifests.ts';

/**
 * What becomes of a Service: `Gains` an address that it lacked, `FlapDamping` to another one, `Loses` what it had, `PoolRemoved` it keeps one that is
 * in no pool any more, `Returns` that one is in a pool again, `Silenced` nobody could announce its address any more, `Announced` somebody could
 * again, `Keeps`.
 */
export type PlanEffect = 'Gains' | 'Moves' | 'Loses' | 'PoolRemoved' | 'Returns' | 'Silenced' | 'Announced' | 'Keeps';

/** A Service, before and after. */
export interface PlannedService {
  readonly service: string;
  readonly effect: PlanEffect;
  readonly before: readonly string[];
  readonly after: readonly string[];
  /** Of the allocation after the change. */
  readonly reason: string;
  readonly message: string;
  /** Addresses whose holder could not keep them: another node would take over. */
  readonly takenOver: readonly string[];
}

/** An object of the change. */
export interface PlannedObject {
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

/** An object that is to go. */
export interface Deleted {
  readonly kind: Checked['kind'];
  readonly name: string;
}

const harmful: ReadonlySet<PlanEffect> = new Set(['Moves', 'Loses', 'PoolRemoved', 'Silenced']);

/** Plans. */
export function planFacts(before: Evaluation, checked: readonly Checked[], deleted: readonly Deleted[]): PlanFacts {
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

/** The picture as it would be. */
export function afterChange(picture: Evaluation, checked: readonly Checked[], deleted: readonly Deleted[]): Evaluation {
  const { cluster, answers } = picture;
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

interface Pictures {
  readonly before: Evaluation;
  readonly after: Evaluation;
}

function effectOn(now: Decision, was: Decision | undefined, pictures: Pictures): PlannedService {
  const [had, has] = [bindingsOf(was), bindingsOf(now)];
  const from: readonly string[] = had.map(({ address }) => address);
  const to: readonly string[] = has.map(({ address }) => address);
  const looks = has.map((binding) => ({ ...looksAt(binding, pictures), address: binding.address }));
  const kept = looks.filter(({ address }) => from.includes(address));
  const effect = ((): PlanEffect => {
    if (from.length === 0 && to.length > 0) return 'Gains';
    if (from.length > 0 && to.length === 0) return 'Loses';
    if (from.some((address) => !to.includes(address))) return 'Moves';
    if (to.length > from.length) return 'Gains';
    if (kept.some((one) => isAnnounceable(one.before) && !isAnnounceable(one.after))) return 'Silenced';
    if (now.reason === 'PoolRemoved' && was?.reason !== 'PoolRemoved') return 'PoolRemoved';
    if (now.reason !== 'PoolRemoved' && was?.reason === 'PoolRemoved') return 'Returns';
    if (kept.some((one) => !isAnnounceable(one.before) && isAnnounceable(one.after))) return 'Announced';
    return 'Keeps';
  })();
  const isHeld = (some: readonly NodeEligibility[]) => some.some(({ verdict }) => verdict === 'Holder');
  const takenOver = kept.filter((one) => isHeld(one.before) && !isHeld(one.after) && isAnnounceable(one.after));
  return {
    service: now.service.key,
    effect,
    before: from,
    after: to,
    reason: now.reason,
    message: effect === 'Silenced' ? silenceOf(looks.flatMap((one) => one.after)) : now.message,
    takenOver: takenOver.map(({ address }) => address),
  };
}

function bindingsOf(decision: Decision | undefined): readonly { readonly address: Ip; readonly pool: string }[] {
  return decision?.kind === 'Assigned' ? decision.bindings : [];
}

/** The pool of an address that stays is the one that has it now: a change may give it to another one. */
function looksAt(
  { address, pool }: { readonly address: Ip; readonly pool: string },
  { before, after }: Pictures,
): { readonly before: readonly NodeEligibility[]; readonly after: readonly NodeEligibility[] } {
  const entry = before.entries.get(address);
  const holder = entry?.recorded?.node;
  const placed = { address, holder, localService: localServiceAt(before, address) };
  return {
    before: nodeEligibilities(before, { ...placed, pool: entry?.pool ?? pool }),
    after: nodeEligibilities(after, { ...placed, pool }),
  };
}

function silenceOf(looks: readonly NodeEligibility[]): string {
  const verdicts = [...new Set(looks.map(({ verdict }) => verdict))];
  return `no node could announce it any more (${verdicts.join(', ')})`;
}

function isAnnounceable(looks: readonly NodeEligibility[]): boolean {
  return looks.some(({ verdict }) => verdict === 'Holder' || verdict === 'Candidate');
}

function problemsOf({ settled, cluster }: Evaluation, kind: Checked['kind'], name: string): readonly string[] {
  if (kind === 'L2Advertisement') {
    const missing = cluster.advertisements
      .filter((one) => one.name === name)
      .flatMap(({ pools }) => pools.filter((pool) => !cluster.pools.some((one) => one.name === pool)));
    return missing.map((pool) => `names pool ${pool}, which does not exist`);
  }
  const reports = poolReports(settled.table, settled.ledger).filter(({ pool }) => pool.name === name);
  const findings = reports.flatMap((report) => report.findings);
  return findings
    .filter(({ type, status }) => (type === 'Ready') !== (status === 'True'))
    .map(({ reason, message }) => `${reason}: ${message}`);
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
