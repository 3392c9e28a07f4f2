/**
 * Writes the ledger. Every write holds a precondition, so one that was decided on old knowledge is refused by the API server: creation
 * where the entry exists, an update or a deletion where it is not the version that was read.
 */
import { allocationName, type Ip } from '../addr/ip.ts';
import {
  allocationObject,
  parseAllocation,
  type RawAllocation,
  type ServiceRef,
  specOfEntry,
  wishesOf,
} from '../api/allocation.ts';
import { parseService, type RawService, type ServiceView } from '../api/service.ts';
import type { Bind, Release } from '../ipam/ledger.ts';
import { hasStatus, isStale, type KubeClient } from '../kube/client.ts';
import { collections, servicePath } from '../kube/resources.ts';
import { type Writer, writeEach } from './writer.ts';

/** Binds the addresses of one plan, each once, however many Services share it. */
export class LedgerWriter {
  readonly #binds: ReadonlyMap<Ip, Bind>;
  readonly #writer: Writer;
  readonly #underWay = new Map<Ip, Promise<boolean>>();

  constructor(binds: ReadonlyMap<Ip, Bind>, writer: Writer) {
    this.#binds = binds;
    this.#writer = writer;
  }

  /** Is there something to write before the address may be shown? */
  mustBind(address: Ip): boolean {
    return this.#binds.has(address);
  }

  /** True once the ledger says that the address is its users'. False when somebody else was faster: the loop decides anew. */
  bind(address: Ip): Promise<boolean> {
    const bind = this.#binds.get(address);
    if (bind === undefined) return Promise.resolve(true);
    const underWay = this.#underWay.get(address) ?? this.#write(bind);
    this.#underWay.set(address, underWay);
    return underWay;
  }

  /**
   * Makes sure of an address that a status is about to show and does not show yet. Whoever led before may have looked at that Service,
   * have found the address unused, and be about to delete the entry: once the entry has changed, that deletion is refused.
   */
  confirm(address: Ip): Promise<boolean> {
    const confirmed = this.#underWay.get(address) ?? this.#touch(address);
    this.#underWay.set(address, confirmed);
    return confirmed;
  }

  async #touch(address: Ip): Promise<boolean> {
    const known = this.#writer.status.entryOf(address);
    const entry = known && this.#writer.informers.allocations.store.get(known.uid);
    if (entry === undefined) return false;
    return this.#write({ entry, spec: specOfEntry(entry), former: [] }, true);
  }

  async #write({ entry, spec }: Bind, confirming = false): Promise<boolean> {
    const { client, log, loop, signal, informers } = this.#writer;
    const path = entry ? pathOf(spec.address) : collections.allocations;
    const method = entry ? 'PUT' : 'POST';
    const { address: vip, pool, services } = spec;
    const svc = services.map(({ namespace, name }) => `${namespace}/${name}`);
    try {
      // Without a difference the API server would leave the entry, and its version, as it is.
      const confirmed = confirming ? { 'berth.dev/confirmed': new Date().toISOString() } : {};
      const body = allocationObject(spec, entry, { ...(entry && wishesOf(entry)), ...confirmed });
      informers.allocations.assume(await client.json<RawAllocation>({ method, path, body, signal }));
    } catch (error) {
      if (!isStale(error) && !(entry && hasStatus(error, 404))) throw error;
      log.info({ svc, vip }, 'entry changed meanwhile');
      await learn(spec.address, this.#writer);
      loop.trigger();
      return false;
    }
    log.info({ svc, vip, pool }, confirming ? 'entry confirmed' : entry ? 'entry updated' : 'address allocated');
    return true;
  }
}

/** Gives back what nobody needs. What a live Service still shows stays until its status says otherwise. */
export function releaseAll(releases: readonly Release[], writer: Writer): Promise<void> {
  return writeEach(writer, releases, { of: ({ entry }) => entry, write: (item) => release(item, writer) });
}

async function release({ entry, former, spec }: Release, writer: Writer): Promise<void> {
  for (const ref of former) if (await mayStillNeed(ref, entry.address, writer)) return;
  const { client, log, loop, signal, informers } = writer;
  const { uid, resourceVersion, address: vip, pool } = entry;
  const svc = former.map(({ namespace, name }) => `${namespace}/${name}`);
  const path = pathOf(entry.address);
  try {
    if (spec) {
      const { reservedUntil } = spec;
      const body = allocationObject(spec, entry, reservedUntil === undefined ? wishesOf(entry) : {});
      informers.allocations.assume(await client.json<RawAllocation>({ method: 'PUT', path, body, signal }));
      log.info(
        { vip, pool, svc, reservedUntil },
        reservedUntil ? 'address kept back' : 'service left a shared address',
      );
    } else {
      const body = { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid, resourceVersion } };
      await client.json({ method: 'DELETE', path, body, signal });
      informers.allocations.store.remove(uid, resourceVersion);
      log.info({ vip, pool, svc }, 'address released');
    }
  } catch (error) {
    // Gone already, or changed since: the next pass decides on what is there then.
    if (!hasStatus(error, 404) && !isStale(error)) throw error;
    await learn(entry.address, writer);
  }
  // Somebody may wait for an address.
  loop.trigger();
}

/** Asks the API server itself: does the Service show the address, or has it changed since we decided that it needs it no longer? */
async function mayStillNeed(ref: ServiceRef, address: Ip, { client, signal, informers }: Writer): Promise<boolean> {
  const live = await readService(client, ref, signal);
  if (live?.uid !== ref.uid || !live.isLoadBalancer) return false;
  if (live.ingress.some(({ ip }) => ip === address)) return true;
  return informers.services.store.get(ref.uid)?.resourceVersion !== live.resourceVersion;
}

/** Takes in what the ledger really says of an address. Throws when it cannot be read: a person has to look at it. */
async function learn(address: Ip, { client, signal, informers }: Writer): Promise<void> {
  const known = informers.allocations.store.values().find((entry) => entry.address === address);
  try {
    const raw = await client.json<RawAllocation>({ path: pathOf(address), signal });
    if (parseAllocation(raw) === undefined) throw new Error(`IPAllocation ${raw.metadata.name} holds another address`);
    if (known && known.uid !== raw.metadata.uid) informers.allocations.store.remove(known.uid, known.resourceVersion);
    informers.allocations.assume(raw);
  } catch (error) {
    if (!hasStatus(error, 404)) throw error;
    if (known) informers.allocations.store.remove(known.uid, known.resourceVersion);
  }
}

async function readService(
  client: KubeClient,
  ref: { readonly namespace: string; readonly name: string },
  signal: AbortSignal,
): Promise<ServiceView | undefined> {
  try {
    return parseService(await client.json<RawService>({ path: servicePath(ref), signal }));
  } catch (error) {
    if (hasStatus(error, 404)) return undefined;
    throw error;
  }
}

function pathOf(address: Ip): string {
  return `${collections.allocations}/${allocationName(address)}`;
}
