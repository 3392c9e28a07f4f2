/** What a client has been told by the API server: lists, watches and answers, the newest version of each object. */

import { collections } from '../../../../src/kube/resources.ts';
import type { ApiObject } from '../../../apiserver/objects.ts';
import type { Cluster, Entry, Namespace, Node, Pool, Rules, Service } from '../../../oracle/objects.ts';

/** The kinds that allocation depends on. */
export const kinds = {
  services: collections.services,
  allocations: collections.allocations,
  pools: collections.pools,
  namespaces: collections.namespaces,
  nodes: collections.nodes,
} as const;

/** One of them. */
export type KindName = keyof typeof kinds;

/** What is known at one moment. */
export class Knowledge {
  /** When the pass began that decides on it; milliseconds since 1970. */
  decidedAt = 0;
  readonly #objects = new Map<string, Map<string, ApiObject>>();
  /** The version that an object was known to be gone with. */
  readonly #gone = new Map<string, number>();

  /** The same, to go its own way from here. */
  fork(): Knowledge {
    const other = new Knowledge();
    other.decidedAt = this.decidedAt;
    for (const [collection, objects] of this.#objects) other.#objects.set(collection, new Map(objects));
    for (const [uid, version] of this.#gone) other.#gone.set(uid, version);
    return other;
  }

  /** The object is there, as of its version. */
  hear(collection: string, object: ApiObject): void {
    const { uid, resourceVersion } = object.metadata;
    const known = this.#in(collection).get(uid)?.metadata.resourceVersion ?? 0;
    if (Number(resourceVersion) <= Math.max(Number(known), this.#gone.get(uid) ?? 0)) return;
    this.#in(collection).set(uid, object);
  }

  /** The object is gone, as of a version. */
  miss(collection: string, uid: string, version: string): void {
    this.#gone.set(uid, Number(version));
    this.#in(collection).delete(uid);
  }

  /** There is no object of this name, or another one than those that were known: the one with this uid. */
  missName(collection: string, name: string, except?: string): void {
    for (const { metadata } of [...this.#in(collection).values()]) {
      if (metadata.name === name && metadata.uid !== except)
        this.miss(collection, metadata.uid, metadata.resourceVersion);
    }
  }

  /** The cluster as far as it is known. */
  cluster(rules: Rules): Cluster {
    const all = (kind: KindName) => [...this.#in(kinds[kind]).values()] as unknown;
    return {
      pools: all('pools') as readonly Pool[],
      namespaces: all('namespaces') as readonly Namespace[],
      nodes: all('nodes') as readonly Node[],
      services: all('services') as readonly Service[],
      entries: all('allocations') as readonly Entry[],
      now: this.decidedAt,
      rules,
    };
  }

  #in(collection: string): Map<string, ApiObject> {
    const all = this.#objects.get(collection) ?? new Map<string, ApiObject>();
    this.#objects.set(collection, all);
    return all;
  }
}
