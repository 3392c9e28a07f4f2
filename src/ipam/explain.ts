/** Explains the addresses of one Service: the decision, and every pool in the order in which it was tried, with its verdict. */
import type { Family } from '../addr/ip.ts';
import { type Snapshot, settle } from './allocate.ts';
import { verdictOf } from './choose.ts';
import type { Decision } from './decision.ts';
import type { EffectivePool } from './pool-table.ts';
import type { PoolVerdict } from './reasons.ts';

/** The verdict on one pool. */
interface PoolLook {
  readonly pool: string;
  readonly verdict: PoolVerdict;
}

/** The verdicts on all pools for one family of a Service, in the order in which they are tried. */
export interface FamilyLook {
  readonly family: Family;
  readonly address: string | undefined;
  readonly pools: readonly PoolLook[];
}

/** Why a Service has its addresses. */
interface Explanation {
  /** undefined: Berth does not serve the Service (by its type or class), or it does not exist. */
  readonly decision: Decision | undefined;
  readonly looks: readonly FamilyLook[];
}

/** Explains the Service `namespace/name` in the state after the plan of this snapshot is carried out. */
export function explainAllocation(snapshot: Snapshot, key: string): Explanation {
  const settled = settle(snapshot);
  const decision = settled.plan.decisions.find(({ service }) => service.key === key);
  if (decision === undefined) return { decision, looks: [] };
  const { service } = decision;
  const looks = settled.requestOf(service).families.map((family) => {
    const slot = [...settled.ledger.slots.values()].find((one) => one.family === family && one.users.includes(service));
    const look = (pool: EffectivePool, fault: PoolVerdict | undefined): PoolLook => ({
      pool: pool.name,
      verdict: slot?.pool === pool.name ? 'Chosen' : (fault ?? verdictOf({ ...settled, service }, pool, family)),
    });
    const pools = settled.table.ranked(service).map(({ pool, fault }) => look(pool, fault));
    return { family, address: slot?.address, pools };
  });
  return { decision, looks };
}
