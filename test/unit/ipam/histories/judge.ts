/** Judges every write of Berth, and every moment, by the oracle. */
import assert from 'node:assert/strict';
import type { Change } from '../../../apiserver/history.ts';
import type { Given } from '../../../oracle/keeping.ts';
import { entryOf, isReserved, refsOf } from '../../../oracle/ledger.ts';
import { type Cluster, type Entry, keyOf, type Service } from '../../../oracle/objects.ts';
import { isEnding, isLoadBalancer, shownBy, wishesOf } from '../../../oracle/wishes.ts';
import type { Witness } from './cluster.ts';
import { entryRules } from './entry-rules.ts';
import { kinds } from './knowledge.ts';
import { statusRules } from './status-rules.ts';

/** Which rules do not apply. */
export interface Leniency {
  /** Other programs write statuses, and people delete entries. */
  readonly isBesideOthers?: boolean;
}

/** Watches all writes in a cluster. */
export class Judge implements Witness {
  /** The violations so far. */
  readonly failures: Error[] = [];
  /** Whether only Berth deleted ledger entries, and no other program wrote statuses. */
  isLedgerWhole: boolean;
  readonly #facts: () => Cluster;
  readonly #given = new Map<string, Given>();

  /** `facts` returns the present state. */
  constructor(facts: () => Cluster, leniency: Leniency = {}) {
    this.#facts = facts;
    this.isLedgerWhole = !leniency.isBesideOthers;
  }

  wrote({ collection, before, after }: Change, known: Cluster): void {
    const live = this.#facts();
    const givenOf = (uid: string, address: string) => this.#given.get(`${uid} ${address}`);
    if (collection === kinds.allocations) {
      const [was, is] = [before as Entry | undefined, after as Entry | undefined];
      const address = (is ?? was)?.spec.address ?? '';
      const write = { address, before: was, after: is, known, live, givenOf };
      this.#check(entryRules, write);
      this.#remember(was, is, known);
    } else if (collection === kinds.services && before && after) {
      const [was, is] = [before, after] as unknown as readonly [Service, Service];
      if (!isEnding(is)) this.#check(statusRules, { before: was, after: is, known, live, givenOf });
    }
  }

  /** Checks what must hold at any moment. */
  moment(): void {
    if (!this.isLedgerWhole) return;
    const { services, entries } = this.#facts();
    this.#check(
      {
        'an address that a Service shows is in the ledger as its own': () => {
          for (const service of services.filter(isLoadBalancer)) {
            for (const address of shownBy(service)) {
              const entry = entryOf({ entries }, address);
              const isOwn = refsOf(entry).some(({ uid }) => uid === service.metadata.uid);
              assert.ok(isOwn && entry && !isReserved(entry), `${keyOf(service.metadata)} shows ${address}`);
            }
          }
        },
      },
      undefined,
    );
  }

  #check<T>(rules: Readonly<Record<string, (of: T) => void>>, of: T): void {
    for (const [rule, check] of Object.entries(rules)) {
      try {
        check(of);
      } catch (error) {
        this.failures.push(new Error(`${rule}: ${error instanceof Error ? error.message : error}`, { cause: error }));
      }
    }
  }

  #remember(before: Entry | undefined, after: Entry | undefined, known: Cluster): void {
    if (after === undefined) return;
    const { address, pool } = after.spec;
    for (const { uid } of refsOf(after)) {
      if (refsOf(before).some((ref) => ref.uid === uid)) continue;
      const service = known.services.find(({ metadata }) => metadata.uid === uid);
      if (service) this.#given.set(`${uid} ${address}`, { pool, asked: wishesOf(service).pools, at: known.now });
    }
  }
}
