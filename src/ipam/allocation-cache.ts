/** Data that the allocator keeps from one pass to the next. It saves time and changes no decision: each value depends on its key alone. */
import type { NamespaceView } from '../api/namespace.ts';
import type { PoolView } from '../api/pool.ts';
import type { ServiceView } from '../api/service.ts';
import { isSameList, Memo } from '../memo/memo.ts';
import { assigned, type Decision } from './decision.ts';
import type { Slot } from './ledger/slot.ts';
import { PoolTable } from './pool-table.ts';
import { type AllocationRequest, allocationRequestOf } from './requests.ts';

/** The cache of one program. The program makes it once and passes it to every pass. */
export class AllocationCache {
  readonly #requests = new Memo<ServiceView, AllocationRequest>();
  readonly #decisions = new Memo<ServiceView, Decision>();
  #table: { readonly key: readonly unknown[]; readonly table: PoolTable } | undefined;

  /** The request of a Service. Views never change, and a pass needs the request of every Service several times. */
  requestOf = (service: ServiceView): AllocationRequest =>
    this.#requests.of(service, [], () => allocationRequestOf(service));

  /** The table of these pools. Pools and namespaces change rarely, and a table of many ranges is expensive: the last one is kept. */
  tableOf(pools: readonly PoolView[], namespaces: readonly NamespaceView[]): PoolTable {
    const key = [
      ...pools.map((pool) => (pool.generation > 0 ? `${pool.uid}/${pool.generation}/${pool.state}` : pool)),
      ...namespaces,
    ];
    const last = this.#table;
    if (last !== undefined && isSameList(last.key, key)) return last.table;
    const table = new PoolTable(pools, namespaces);
    this.#table = { key, table };
    return table;
  }

  /**
   * The decision about a Service that keeps its addresses. It is the same object as in the pass before if the Service, its entries and
   * the pools have not changed.
   */
  keptDecision(service: ServiceView, slots: readonly Slot[], table: PoolTable): Decision {
    const decide = () => assigned(service, { slots, table });
    const entries = slots.map(({ entry }) => entry);
    // An address without an entry is a new one: the decision is new too.
    if (entries.includes(undefined)) return decide();
    return this.#decisions.of(service, [table, ...entries], decide);
  }
}
