/** The knowledge of a client from lists, watches and answers: the newest version of each object. */

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

/** A name of one of these kinds. */
export type KindName = keyof typeof kinds;

/** The knowledge at one moment. */
export class Knowledge {
  /** When the pass that decides on it started, in milliseconds since 1970. */
  decidedAt = 0;
  readonly #objects = new Map<string, Map<string, ApiObject>>();
  /** The version at which an object was known to be deleted. */
  readonly #gone = new Map<string, number>();

  /** Returns an independent copy. */
  fork(): Knowledge {
    const other = new Knowledge();
    other.decidedAt = this.decidedAt;
    for (const [collection, objects] of this.#objects) other.#objects.set(collection, new Map(objects));
    for (const [uid, version] of this.#gone) other.#gone.set(uid, version);
    return other;
  }

  /** Learns that the object exists at its version. */
  hear(collection: string, object: ApiObject): void {
    const { uid, resourceVersion } = object.metadata;
    const known = this.#in(collection).get(uid)?.metadata.resourceVersion ?? 0;
    if (Number(resourceVersion) <= Math.max(Number(known), this.#gone.get(uid) ?? 0)) return;
    this.#in(collection).set(uid, object);
  }

  /** Learns that the object is deleted as of a version. */
  miss(collection: string, uid: string, version: string): void {
    this.#gone.set(uid, Number(version));
    this.#in(collection).delete(uid);
  }

  /** The known objects of a kind with a namespace and a name: more than one if the object was made again. */
  named(collection: string, key: string): readonly ApiObject[] {
    return [...this.#in(collection).values()].filter(
      ({ metadata }) => `${metadata.namespace}/${metadata.name}` === key,
    );
  }

  /** Learns that no object has this name, or only the one with this uid. */
  missName(collection: string, name: string, except?: string): void {
    for (const { metadata } of [...this.#in(collection).values()]) {
      if (metadata.name === name && metadata.uid !== except)
        this.miss(collection, metadata.uid, metadata.resourceVersion);
    }
  }

  /** The cluster as far as the client knows it. */
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
