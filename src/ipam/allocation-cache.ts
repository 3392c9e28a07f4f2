/** Data that the allocator keeps from one pass to the next. It saves time and changes no decision: each value depends on its key alone. */
import type { AllocationView } from '../api/allocation.ts';
import type { NamespaceView } from '../api/namespace.ts';
import type { PoolView } from '../api/pool.ts';
import type { ServiceView } from '../api/service.ts';
import { assigned, type Decision } from './decision.ts';
import type { Slot } from './ledger/working-ledger.ts';
import { PoolTable } from './pool-table.ts';
import { type AllocationRequest, allocationRequestOf } from './requests.ts';

interface KeptDecision {
  readonly table: PoolTable;
  readonly entries: readonly (AllocationView | undefined)[];
  readonly decision: Decision;
}

/** The cache of one program. The program makes it once and passes it to every pass. */
export class AllocationCache {
  readonly #requests = new WeakMap<ServiceView, AllocationRequest>();
  readonly #decisions = new WeakMap<ServiceView, KeptDecision>();
  #table: { readonly key: readonly unknown[]; readonly table: PoolTable } | undefined;

  /** The request of a Service. Views never change, and a pass needs the request of every Service several times. */
  requestOf = (service: ServiceView): AllocationRequest => {
    const known = this.#requests.get(service);
    if (known !== undefined) return known;
    const request = allocationRequestOf(service);
    this.#requests.set(service, request);
    return request;
  };

  /** The table of these pools. Pools and namespaces change rarely, and a table of many ranges is expensive: the last one is kept. */
  tableOf(pools: readonly PoolView[], namespaces: readonly NamespaceView[]): PoolTable {
    const key = [
      ...pools.map((pool) => (pool.generation > 0 ? `${pool.uid}/${pool.generation}` : pool)),
      ...namespaces,
    ];
    const last = this.#table;
    if (last?.key.length === key.length && key.every((part, i) => part === last.key[i])) return last.table;
    const table = new PoolTable(pools, namespaces);
    this.#table = { key, table };
    return table;
  }

  /**
   * The decision about a Service that keeps its addresses. It is the same object as in the pass before if the Service, its entries and
   * the pools have not changed.
   */
  keptDecision(service: ServiceView, slots: readonly Slot[], table: PoolTable): Decision {
    const before = this.#decisions.get(service);
    const isSame = (slot: Slot, i: number) => slot.entry !== undefined && slot.entry === before?.entries[i];
    if (before?.table === table && before.entries.length === slots.length && slots.every(isSame)) {
      return before.decision;
    }
    const decision = assigned(service, { slots, table });
    this.#decisions.set(service, { table, entries: slots.map(({ entry }) => entry), decision });
    return decision;
  }
}
