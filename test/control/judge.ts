/**
 * Checks what must hold after every single change, whatever goes wrong. The rules are written from
 * what Berth promises (docs/architecture.md, the ledger), without any of its code.
 */
import assert from 'node:assert/strict';
import type { Change } from '../apiserver/history.ts';
import type { ApiObject } from '../apiserver/objects.ts';
import type { ApiStore } from '../apiserver/store.ts';
import { canonical } from '../oracle/addresses.ts';

const services = '/api/v1/services';
const allocations = '/apis/berth.dev/v1beta1/ipallocations';

interface Entry {
  readonly spec: {
    readonly address: string;
    readonly reservedUntil?: string;
    readonly services: readonly { readonly uid: string }[];
  };
}

/** The addresses that a Service shows, in canonical form. */
export function shownBy({ status }: ApiObject): readonly string[] {
  const { loadBalancer } = (status ?? {}) as { loadBalancer?: { ingress?: readonly { ip?: string }[] } };
  return (loadBalancer?.ingress ?? []).flatMap(({ ip }) => (ip === undefined ? [] : canonical(ip)));
}

/** The uids that an entry names. */
export function usersOf(entry: ApiObject | undefined): readonly string[] {
  return entry === undefined ? [] : (entry as unknown as Entry).spec.services.map(({ uid }) => uid);
}

/** Checks the changes of a store. */
export class Judge {
  #found: readonly string[] = [];
  #store: ApiStore | undefined;

  /** The violations so far. */
  get found(): readonly string[] {
    return this.#found;
  }

  /** Must be called for every change. */
  readonly see = (change: Change): void => {
    if (this.#store === undefined) return;
    if (change.collection === services) this.#seeService(change, this.#store);
    if (change.collection === allocations) this.#seeEntry(change, this.#store);
  };

  /** Starts to check the changes of this store. */
  watch(store: ApiStore): void {
    this.#store = store;
  }

  /** Drops violations that other programs have caused. */
  forgive(what: RegExp): void {
    this.#found = this.#found.filter((text) => !what.test(text));
  }

  /** Asserts that there was no violation so far. */
  verify(): void {
    assert.deepEqual(this.#found, []);
  }

  #broken(text: string): void {
    this.#found = [...this.#found, text];
  }

  #seeService({ before, after, revision }: Change, store: ApiStore): void {
    if (after === undefined) return;
    const former = before ? shownBy(before) : [];
    const others = store.all(services).filter(({ metadata }) => metadata.uid !== after.metadata.uid);
    for (const ip of shownBy(after).filter((one) => !former.includes(one))) {
      const entry = store.all(allocations).find(({ spec }) => (spec as Entry['spec']).address === ip);
      if (!usersOf(entry).includes(after.metadata.uid)) {
        this.#broken(`${revision}: ${after.metadata.name} shows ${ip}, which the ledger does not give to it`);
      }
      const twice = others.find((other) => shownBy(other).includes(ip) && !mayShare(other, after));
      if (twice) this.#broken(`${revision}: ${after.metadata.name} and ${twice.metadata.name} show ${ip}`);
    }
  }

  #seeEntry({ before, after, revision }: Change, store: ApiStore): void {
    const ip = ((before ?? after) as unknown as Entry).spec.address;
    const struck = usersOf(before).filter((uid) => !usersOf(after).includes(uid));
    for (const service of store.all(services)) {
      if (struck.includes(service.metadata.uid) && shownBy(service).includes(ip)) {
        this.#broken(`${revision}: ${service.metadata.name} is removed from ${ip}, which it shows`);
      }
    }
  }
}

/** Whether both ask to share with the same key, and have no port in common. */
function mayShare(a: ApiObject, b: ApiObject): boolean {
  const keyOf = ({ metadata }: ApiObject) => metadata.annotations?.['berth.dev/allow-shared-ip'];
  const portsOf = ({ spec }: ApiObject) => (spec as { ports: { port: number }[] }).ports.map(({ port }) => port);
  return keyOf(a) !== undefined && keyOf(a) === keyOf(b) && !portsOf(a).some((port) => portsOf(b).includes(port));
}
