/**
 * Writes the ledger. Every write has a precondition, so the API server refuses a write that was decided on old data: the creation of an
 * entry that exists, and an update or a deletion of another version than the one that was read.
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
import type { Bind, Release } from '../ipam/ledger/ledger.ts';
import { hasStatus, isStale, type KubeClient } from '../kube/client.ts';
import { collections, servicePath } from '../kube/resources.ts';
import { type Writer, writeEach } from './writer.ts';

/** The pause before the next decision while the informer has not received a Service that the API server has. */
const unheardMs = 500;

/** Binds the addresses of one plan. Each address is bound once, however many Services share it. */
export class LedgerWriter {
  readonly #binds: ReadonlyMap<Ip, Bind>;
  readonly #writer: Writer;
  readonly #underWay = new Map<Ip, Promise<boolean>>();

  constructor(binds: ReadonlyMap<Ip, Bind>, writer: Writer) {
    this.#binds = binds;
    this.#writer = writer;
  }

  /** Must an entry be written before a status may show the address? */
  mustBind(address: Ip): boolean {
    return this.#binds.has(address);
  }

  /** True once the ledger assigns the address to its users. False if another controller was faster: the loop then decides again. */
  bind(address: Ip): Promise<boolean> {
    const bind = this.#binds.get(address);
    if (bind === undefined) return Promise.resolve(true);
    const underWay = this.#underWay.get(address) ?? this.#bind(bind);
    this.#underWay.set(address, underWay);
    return underWay;
  }

  /**
   * Updates the entry of an address that a status is about to show and does not show yet. The former leader may have read the Service, found
   * the address unused, and be about to delete the entry. The API server refuses that deletion once the entry has changed.
   */
  confirm(address: Ip): Promise<boolean> {
    const confirmed = this.#underWay.get(address) ?? this.#rewrite(address);
    this.#underWay.set(address, confirmed);
    return confirmed;
  }

  /** Writes a bind. It removes former users from the entry only if a live read confirms that they are gone. */
  async #bind(bind: Bind): Promise<boolean> {
    for (const ref of bind.former) {
      if (!(await mayStillNeed(ref, bind.spec.address, this.#writer))) continue;
      // This controller has not heard of that Service yet: it decides again when it has.
      this.#writer.loop.triggerIn(unheardMs);
      return false;
    }
    return this.#write(bind);
  }

  async #rewrite(address: Ip): Promise<boolean> {
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
      // An update without a difference would not change the version of the entry.
      const confirmed = confirming ? { 'berth.dev/confirmed': new Date().toISOString() } : {};
      const body = allocationObject(spec, entry, { ...(entry && wishesOf(entry)), ...confirmed });
      informers.allocations.assume(await client.json<RawAllocation>({ method, path, body, signal }));
    } catch (error) {
      if (!isStale(error) && !(entry && hasStatus(error, 404))) throw error;
      log.info({ svc, vip }, 'IPAllocation changed since it was read');
      await refreshEntry(spec.address, this.#writer);
      loop.trigger();
      return false;
    }
    log.info(
      { svc, vip, pool },
      confirming ? 'IPAllocation confirmed' : entry ? 'IPAllocation updated' : 'address allocated',
    );
    return true;
  }
}

/** Releases unused addresses. An address that the live status of a Service shows is kept until that status changes. */
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
        reservedUntil ? 'address reserved' : 'service removed from shared address',
      );
    } else {
      const body = { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid, resourceVersion } };
      await client.json({ method: 'DELETE', path, body, signal });
      informers.allocations.store.remove(uid, resourceVersion);
      log.info({ vip, pool, svc }, 'address released');
    }
  } catch (error) {
    // The entry is gone already, or has changed: the next pass decides with its current state.
    if (!hasStatus(error, 404) && !isStale(error)) throw error;
    await refreshEntry(entry.address, writer);
  }
  // A Service may wait for this address.
  loop.trigger();
}

/** Reads the Service from the API server: does it show the address, or has it changed since the decision that it no longer needs it? */
async function mayStillNeed(ref: ServiceRef, address: Ip, { client, signal, informers }: Writer): Promise<boolean> {
  const live = await readService(client, ref, signal);
  if (live?.uid !== ref.uid || !live.isLoadBalancer) return false;
  if (live.ingress.some(({ ip }) => ip === address)) return true;
  return informers.services.store.get(ref.uid)?.resourceVersion !== live.resourceVersion;
}

/** Updates the informer with the current entry of an address. Throws if the entry is invalid: an administrator must correct it. */
async function refreshEntry(address: Ip, { client, signal, informers }: Writer): Promise<void> {
  const known = informers.allocations.store.values().find((entry) => entry.address === address);
  try {
    const raw = await client.json<RawAllocation>({ path: pathOf(address), signal });
    if (parseAllocation(raw) === undefined)
      throw new Error(`the name of IPAllocation ${raw.metadata.name} does not match its address`);
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
