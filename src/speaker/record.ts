/**
 * Writes down in the ledger who holds an address: a copy, for people and for a cold start. Nothing waits for it, and it is written as
 * soon as the API server is there again.
 */
import type { Ip } from '../addr/ip.ts';
import { allocationName } from '../addr/ip.ts';
import type { AllocationView, RawAllocation } from '../api/allocation.ts';
import { hasStatus, type KubeClient } from '../kube/client.ts';
import type { Informer } from '../kube/informer.ts';
import { collections } from '../kube/resources.ts';
import { Backoff } from '../runtime/backoff.ts';
import type { Logger } from '../runtime/logger.ts';
import { inParallel } from '../runtime/parallel.ts';

/** An address that this node holds. */
export interface Held {
  readonly uid: string;
  readonly address: Ip;
  readonly term: number;
  /** RFC 3339. */
  readonly since: string;
  readonly links: readonly { readonly name: string; readonly mac: string }[];
}

/** What the record is written with. */
export interface RecordOptions {
  readonly client: KubeClient;
  readonly log: Logger;
  readonly node: string;
  readonly allocations: Informer<RawAllocation, AllocationView>;
  readonly signal: AbortSignal;
}

const manager = 'berth-speaker';
const writesAtOnce = 8;
const retryMs = 1_000;

/** Keeps the records of what this node holds. */
export class Recorder {
  readonly #options: RecordOptions;
  readonly #backoff = new Backoff();
  #held: readonly Held[] = [];
  #writing = false;

  constructor(options: RecordOptions) {
    this.#options = options;
  }

  /** The whole of what is held now. Returns at once. */
  record(held: readonly Held[]): void {
    this.#held = held;
    if (!this.#writing) void this.#writeAll();
  }

  async #writeAll(): Promise<void> {
    const { log, signal } = this.#options;
    this.#writing = true;
    const write = (held: Held) => this.#write(held);
    const failures = await inParallel(this.#held.filter(this.#isDue), write, { limit: writesAtOnce, signal });
    this.#writing = false;
    for (const { item, error } of failures) {
      const retryInMs = this.#backoff.failed(item.uid);
      if (!signal.aborted) log.debug({ vip: item.address, retryInMs, err: error }, 'holder not recorded');
    }
    this.#backoff.keepOnly((uid) => this.#held.some((held) => held.uid === uid));
    if (signal.aborted || !this.#held.some(this.#isNews)) return;
    setTimeout(() => this.record(this.#held), failures.length > 0 ? retryMs : 0).unref();
  }

  #isDue = (held: Held): boolean => this.#isNews(held) && this.#backoff.isDue(held.uid);

  #isNews = ({ uid, term }: Held): boolean => {
    const entry = this.#options.allocations.store.get(uid);
    return entry !== undefined && (entry.recorded?.node !== this.#options.node || entry.recorded.term !== term);
  };

  async #write({ uid, address, term, since, links }: Held): Promise<void> {
    const { client, node, allocations, signal } = this.#options;
    const name = allocationName(address);
    const body = {
      apiVersion: 'berth.dev/v1beta1',
      kind: 'IPAllocation',
      metadata: { name, uid },
      status: { holder: { node, term, since, links } },
    };
    const path = `${collections.allocations}/${name}/status`;
    try {
      allocations.assume(await client.apply<RawAllocation>({ path, body, signal, manager, force: true }));
    } catch (error) {
      // Released, or given to somebody else: the watch tells.
      if (!hasStatus(error, 404) && !hasStatus(error, 409)) throw error;
    }
    this.#backoff.forget(uid);
  }
}
