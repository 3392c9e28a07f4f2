/** All that becomes of Services and of the ledger, as two watches tell it. */
import type { KubeClient } from '../../src/kube/client.ts';
import { collections } from '../../src/kube/resources.ts';

/**
 * A state of an object. `version` is the resource version as a number: the revision of etcd that wrote it. The lab has one etcd, whose
 * revisions count all writes of all kinds, so facts of both kinds can be put in the one order in which they became true.
 */
interface Fact {
  readonly version: number;
  /** When we heard of it, in milliseconds since 1970: only for people. */
  readonly heardAt: number;
  /** Deleted by this version. */
  readonly gone: boolean;
}

/** A Service as of a version. */
export interface ServiceFact extends Fact {
  readonly kind: 'service';
  readonly uid: string;
  /** `namespace/name`. */
  readonly key: string;
  /** Is to have an address: it exists, is a LoadBalancer and is not being deleted. */
  readonly live: boolean;
  /** Addresses in its status while it exists. kube-proxy serves them whether it is being deleted or not. */
  readonly ips: readonly string[];
  readonly request: string | undefined;
  readonly port: number;
  readonly sharingKey: string | undefined;
}

/** An entry of the ledger as of a version. */
export interface EntryFact extends Fact {
  readonly kind: 'entry';
  readonly address: string;
  /** uids of the Services that it names; none when it is gone. */
  readonly uids: readonly string[];
}

/** Either. */
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

/** Reads a kind's objects into facts; `gone` for the last state of one that was deleted. */
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

/** What there is. */
export interface Lists {
  readonly services: readonly ServiceFact[];
  readonly entries: readonly EntryFact[];
}

/** Reads both kinds, each by one consistent list: never from a cache that lags. */
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

/** Records every event from its beginning on. */
export class History {
  readonly facts: AnyFact[] = [];
  /** Why events may be missing; undefined when none is. */
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

  /** Lists both kinds and follows them from there. */
  static async begin(client: KubeClient): Promise<History> {
    const history = new History(client);
    await Promise.all([
      history.#begin(collections.services, readService),
      history.#begin(collections.allocations, readEntry),
    ]);
    return history;
  }

  /** The next fact of a sort, or undefined when none comes in time. */
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

  /** The addresses that the Service of this name shows now, as far as we have heard. */
  shownBy(key: string): readonly string[] {
    return this.#byKey.get(key)?.ips ?? [];
  }

  /** What there is now, as far as we have heard. */
  get now(): Lists {
    const there = [...this.#latest.values()].filter(({ gone }) => !gone);
    return {
      services: there.filter((fact) => fact.kind === 'service'),
      entries: there.filter((fact) => fact.kind === 'entry'),
    };
  }

  /** Has everything been recorded that these lists show? */
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

  /** A watch that the server ends is resumed where it ended, so nothing is missed; one that cannot be resumed breaks the history. */
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
