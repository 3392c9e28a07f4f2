/** The history of all Services and all ledger entries, from two watches. */
import type { KubeClient } from '../../src/kube/client.ts';
import { collections } from '../../src/kube/resources.ts';

/**
 * A state of an object. `version` is the resource version as a number: the revision of etcd that wrote it. The lab has one etcd, whose
 * revisions count all writes of all kinds. So facts of both kinds can be sorted in the order in which they became true.
 */
interface Fact {
  readonly version: number;
  /** When the watch delivered it, in milliseconds since 1970. Only for reports to people. */
  readonly heardAt: number;
  /** Whether this version deleted the object. */
  readonly gone: boolean;
}

/** A Service in one version. */
export interface ServiceFact extends Fact {
  readonly kind: 'service';
  readonly uid: string;
  /** `namespace/name`. */
  readonly key: string;
  /** Whether it must have an address: it exists, is a LoadBalancer and is not being deleted. */
  readonly live: boolean;
  /** The addresses in its status while it exists. kube-proxy serves them even while the Service is being deleted. */
  readonly ips: readonly string[];
  readonly request: string | undefined;
  readonly port: number;
  readonly sharingKey: string | undefined;
}

/** A ledger entry in one version. */
export interface EntryFact extends Fact {
  readonly kind: 'entry';
  readonly address: string;
  /** The uids of the Services that it names; none when it is gone. */
  readonly uids: readonly string[];
}

/** A fact of either kind. */
export type AnyFact = ServiceFact | EntryFact;

interface Raw {
  readonly metadata: {
    readonly namespace?: string;
    readonly name: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly deletionTimestamp?: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly code?: number;
  readonly message?: string;
  readonly spec: {
    readonly type?: string;
    readonly ports?: readonly { readonly port: number }[];
    readonly address?: string;
    readonly services?: readonly { readonly uid: string }[];
  };
  readonly status?: { readonly loadBalancer?: { readonly ingress?: readonly { readonly ip?: string }[] } };
}

interface List {
  readonly metadata: { readonly resourceVersion: string };
  readonly items: readonly Raw[];
}

/** Reads objects of one kind into facts. `gone` marks the last state of a deleted object. */
type Reader<F extends AnyFact> = (raw: Raw, gone: boolean) => F;

const readService: Reader<ServiceFact> = ({ metadata, spec, status }, gone) => ({
  kind: 'service',
  ...factOf(metadata, gone),
  uid: metadata.uid,
  key: `${metadata.namespace}/${metadata.name}`,
  live: !gone && spec.type === 'LoadBalancer' && metadata.deletionTimestamp === undefined,
  ips: gone ? [] : (status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => (ip === undefined ? [] : [ip])),
  request: metadata.annotations?.['berth.dev/loadBalancerIPs'],
  port: spec.ports?.[0]?.port ?? 0,
  sharingKey: metadata.annotations?.['berth.dev/allow-shared-ip'],
});

const readEntry: Reader<EntryFact> = ({ metadata, spec }, gone) => ({
  kind: 'entry',
  ...factOf(metadata, gone),
  address: spec.address ?? metadata.name,
  uids: gone ? [] : (spec.services ?? []).map(({ uid }) => uid),
});

function factOf({ resourceVersion }: Raw['metadata'], gone: boolean): Fact {
  return { version: Number(resourceVersion), heardAt: Date.now(), gone };
}

/** All Services and entries that exist. */
export interface Lists {
  readonly services: readonly ServiceFact[];
  readonly entries: readonly EntryFact[];
}

/** Reads both kinds, each by one consistent list, never from a cache that lags behind. */
export async function listAll(client: KubeClient): Promise<Lists> {
  const [services, entries] = await Promise.all([
    client.json<List>({ path: collections.services }),
    client.json<List>({ path: collections.allocations }),
  ]);
  return {
    services: services.items.map((raw) => readService(raw, false)),
    entries: entries.items.map((raw) => readEntry(raw, false)),
  };
}

/** Records every event of both kinds from its start. */
export class History {
  readonly facts: AnyFact[] = [];
  /** Why events may be missing; undefined if none is missing. */
  broken: Error | undefined;
  readonly #client: KubeClient;
  readonly #stop = new AbortController();
  readonly #listeners = new Set<(fact: AnyFact) => void>();
  /** The newest fact of every object. */
  readonly #latest = new Map<string, AnyFact>();
  readonly #byKey = new Map<string, ServiceFact>();

  private constructor(client: KubeClient) {
    this.#client = client;
  }

  /** Lists both kinds and watches them from there. */
  static async begin(client: KubeClient): Promise<History> {
    const history = new History(client);
    await Promise.all([
      history.#begin(collections.services, readService),
      history.#begin(collections.allocations, readEntry),
    ]);
    return history;
  }

  /** The next fact that is wanted, or undefined if none comes in time. */
  next(wanted: (fact: AnyFact) => boolean, withinMs: number): Promise<AnyFact | undefined> {
    return new Promise((resolve) => {
      const finish = (fact?: AnyFact) => {
        clearTimeout(timer);
        this.#listeners.delete(listener);
        resolve(fact);
      };
      const listener = (fact: AnyFact) => {
        if (wanted(fact)) finish(fact);
      };
      const timer = setTimeout(finish, withinMs);
      this.#listeners.add(listener);
    });
  }

  /** The addresses that the Service of this name shows, by the newest event. */
  shownBy(key: string): readonly string[] {
    return this.#byKey.get(key)?.ips ?? [];
  }

  /** All Services and entries that exist, by the newest events. */
  get now(): Lists {
    const there = [...this.#latest.values()].filter(({ gone }) => !gone);
    return {
      services: there.filter((fact) => fact.kind === 'service'),
      entries: there.filter((fact) => fact.kind === 'entry'),
    };
  }

  /** Whether everything in these lists has been recorded. */
  holds({ services, entries }: Lists): boolean {
    const { now } = this;
    const same = [...services, ...entries].every((fact) => this.#latest.get(idOf(fact))?.version === fact.version);
    return same && now.services.length === services.length && now.entries.length === entries.length;
  }

  /** Ends the watches. */
  end(): void {
    this.#stop.abort();
  }

  async #begin<F extends AnyFact>(path: string, read: Reader<F>): Promise<void> {
    const { metadata, items } = await this.#client.json<List>({ path });
    for (const item of items) this.#add(read(item, false));
    this.#follow(path, read, metadata.resourceVersion).catch((error: Error) => {
      if (!this.#stop.signal.aborted) this.broken = error;
    });
  }

  /** A watch that the server ends is resumed where it ended, so no event is missed. If it cannot be resumed, the history is broken. */
  async #follow<F extends AnyFact>(path: string, read: Reader<F>, from: string): Promise<void> {
    let seen = from;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const query = { watch: 'true', resourceVersion: seen, timeoutSeconds: '3600' };
      for await (const { type, object } of this.#client.lines<{ type: string; object: Raw }>({ path, query, signal })) {
        if (type === 'ERROR') throw new Error(`${path}: events are lost: ${object.code} ${object.message}`);
        this.#add(read(object, type === 'DELETED'));
        seen = object.metadata.resourceVersion;
      }
    }
  }

  #add(fact: AnyFact): void {
    this.facts.push(fact);
    this.#latest.set(idOf(fact), fact);
    if (fact.kind === 'service') this.#byKey.set(fact.key, fact);
    for (const listener of this.#listeners) listener(fact);
  }
}

function idOf(fact: AnyFact): string {
  return fact.kind === 'entry' ? fact.address : fact.uid;
}
