/**
 * Writes the ledger. Every write has a precondition, so the API server refuses a write that was decided on old data: the creation of an
 * entry that exists, and an update or a deletion of another version than the one that was read.
 */
import { allocationName, type Ip } from '../addr/ip.ts';
import {
  type AllocationView,
  allocationObject,
  allocationPatch,
  type RawAllocation,
  withoutWishes,
} from '../api/allocation.ts';
import type { ServiceRef } from '../api/entry-fields.ts';
import { parseService, type RawService, type ServiceView } from '../api/service.ts';
import type { Bind, Release } from '../ipam/ledger/ledger.ts';
import { isSameRecord } from '../ipam/ledger/record.ts';
import type { ApiRequest } from '../kube/client.ts';
import { collections, mergePatch, servicePath } from '../kube/resources.ts';
import { mustDiffer, readOrNothing, throwLate, unheardMs } from './refusal.ts';
import { type Writer, writeEach } from './writer.ts';

/** A write to an entry. */
interface EntryWrite extends Pick<ApiRequest, 'method' | 'body' | 'contentType'> {
  /** The entry as the decision knew it; undefined if the write creates it. */
  readonly entry?: AllocationView;
  /** What the log says when it has succeeded. */
  readonly did: string;
  /** Is the written entry enough, although the write has changed nothing? */
  readonly isEnough?: (written: AllocationView) => boolean;
}

/** Binds the addresses of one plan. Each address is bound once, however many Services share it. */
export class LedgerWriter {
  readonly #binds: ReadonlyMap<Ip, Bind>;
  readonly #writer: Writer;
  readonly #underWay = new Map<Ip, Promise<boolean>>();
  /** The entries that this pass has made. */
  readonly #made = new Map<Ip, AllocationView>();
  readonly #confirmed = new Map<Ip, Promise<boolean>>();
  readonly #changed = new Map<Bind, ReadonlySet<string>>();

  constructor(binds: ReadonlyMap<Ip, Bind>, writer: Writer) {
    this.#binds = binds;
    this.#writer = writer;
  }

  /**
   * Must an entry be written before the status of this Service may show the address? A Service that the entry records already need not wait:
   * the entry may be refused because of another one.
   */
  mustBind(address: Ip, { uid }: Pick<ServiceView, 'uid'>): boolean {
    const bind = this.#binds.get(address);
    if (bind === undefined) return false;
    const changed = this.#changed.get(bind) ?? changedBy(bind);
    this.#changed.set(bind, changed);
    return changed.has(uid);
  }

  /** True once the ledger assigns the address to its users. False if a Service may still need its place. Rejects if the write fails. */
  bind(address: Ip): Promise<boolean> {
    const bind = this.#binds.get(address);
    if (bind === undefined) return Promise.resolve(true);
    const underWay = this.#underWay.get(address) ?? this.#bind(bind);
    this.#underWay.set(address, underWay);
    return underWay;
  }

  /**
   * Updates the entry of an address that the status of this Service is about to show and does not show yet. The former leader may have read
   * the Service, found the address unused, and be about to delete the entry. The API server refuses that deletion once the entry has changed.
   */
  async confirm(address: Ip, { uid }: Pick<ServiceView, 'uid'>): Promise<boolean> {
    const confirmed = this.#confirmed.get(address) ?? this.#confirm(address);
    this.#confirmed.set(address, confirmed);
    return (await confirmed) && this.#entryOf(address)?.services.some((ref) => ref.uid === uid) === true;
  }

  /** A bind changes the entry. If it is refused because of another Service, the entry is changed without it. */
  async #confirm(address: Ip): Promise<boolean> {
    const isBound = this.#binds.has(address) && (await this.bind(address).catch(() => false));
    return isBound || this.#rewrite(address);
  }

  /** The entry as it is known now. */
  #entryOf(address: Ip): AllocationView | undefined {
    const { status, informers } = this.#writer;
    const uid = (this.#made.get(address) ?? status.entryOf(address))?.uid;
    return uid === undefined ? undefined : informers.allocations.store.get(uid);
  }

  /** Writes a bind. It removes former users from the entry only if a live read confirms that they are gone. */
  async #bind(bind: Bind): Promise<boolean> {
    for (const ref of bind.former) {
      if (await mayStillNeed(ref, bind.spec.address, this.#writer)) return false;
    }
    return this.#write(bind);
  }

  async #rewrite(address: Ip): Promise<boolean> {
    const entry = this.#entryOf(address);
    // It was released meanwhile, and the address is kept back.
    if (entry === undefined || entry.reservedUntil !== undefined) return false;
    // A change without a difference would not change the version of the entry.
    const annotations = { 'berth.dev/confirmed': new Date().toISOString() };
    return this.#send(entry, {
      ...mergePatch,
      body: allocationPatch({ annotations }, entry),
      did: 'IPAllocation confirmed',
      entry,
    });
  }

  #write({ entry, spec }: Bind): Promise<boolean> {
    if (entry === undefined)
      return this.#send(spec, { method: 'POST', body: allocationObject(spec), did: 'address allocated' });
    return this.#send(spec, {
      ...mergePatch,
      body: allocationPatch({ spec }, entry),
      did: 'IPAllocation updated',
      entry,
      // An API server whose CRD is older than this version drops what the entry is to record about its users.
      isEnough: ({ services }) => hasUsers(services, spec.services),
    });
  }

  /** Writes an entry. Rejects if it has changed since it was read. */
  async #send(
    { address: vip, pool, services }: Pick<AllocationView, 'address' | 'pool' | 'services'>,
    { entry, did, isEnough, ...request }: EntryWrite,
  ): Promise<boolean> {
    const { client, log, signal, informers } = this.#writer;
    const path = request.method === 'POST' ? collections.allocations : pathOf(vip);
    const svc = services.map(({ namespace, name }) => `${namespace}/${name}`);
    try {
      const written = await client.json<RawAllocation>({ ...request, path, signal });
      const view = informers.allocations.assume(written);
      if (view === undefined || !isEnough?.(view)) mustDiffer(written, entry);
      if (view !== undefined && entry === undefined) this.#made.set(vip, view);
    } catch (error) {
      return await throwLate(error, refusedAt(vip, entry, this.#writer), this.#writer);
    }
    log.info({ svc, vip, pool }, did);
    return true;
  }
}

/** The Services whose record in the entry changes; or if it is the address alone that changes, one of its users. */
function changedBy({ entry, spec: { services } }: Bind): ReadonlySet<string> {
  const before = entry?.reservedUntil === undefined ? (entry?.services ?? []) : [];
  const known = new Map(before.map((ref) => [ref.uid, ref]));
  const changed = services.filter((ref) => !isSameRecord(known.get(ref.uid), ref));
  return new Set((changed.length > 0 ? changed : services.slice(-1)).map(({ uid }) => uid));
}

/** Do the same Services use the address? */
function hasUsers(users: readonly ServiceRef[], wanted: readonly ServiceRef[]): boolean {
  const uids = new Set(users.map(({ uid }) => uid));
  return users.length === wanted.length && wanted.every(({ uid }) => uids.has(uid));
}

/** Releases unused addresses. An address that the live status of a Service shows is kept until that status changes. */
export function releaseAll(releases: readonly Release[], writer: Writer): Promise<void> {
  return writeEach(writer, releases, {
    kind: 'IPAllocation',
    of: ({ entry }) => entry,
    write: (item) => release(item, writer),
  });
}

/** Releases an address, or if some of its Services may still need it, the part that concerns the others. */
async function release(planned: Release, writer: Writer): Promise<void> {
  const { entry, former } = planned;
  const gone: ServiceRef[] = [];
  for (const ref of former) if (!(await mayStillNeed(ref, entry.address, writer))) gone.push(ref);
  if (gone.length === former.length) await writeRelease(planned, writer);
  else if (gone.length > 0 && entry.reservedUntil === undefined) await writeRelease(removalOf(gone, entry), writer);
}

/** Removes these Services from an entry, and changes nothing else. */
function removalOf(gone: readonly ServiceRef[], entry: AllocationView): Release {
  const { address, pool, sharingKey, adopted } = entry;
  const services = entry.services.filter((ref) => !gone.includes(ref));
  const optional = { ...(sharingKey !== undefined && { sharingKey }), ...(adopted && { adopted }) };
  return { entry, former: gone, spec: { address, pool, services, ...optional } };
}

async function writeRelease({ entry, former, spec }: Release, writer: Writer): Promise<void> {
  const { client, log, loop, signal, informers } = writer;
  const { uid, resourceVersion, address: vip, pool } = entry;
  const svc = former.map(({ namespace, name }) => `${namespace}/${name}`);
  const path = pathOf(entry.address);
  try {
    if (spec) {
      const { reservedUntil } = spec;
      const body = allocationPatch({ spec, ...(reservedUntil && { annotations: withoutWishes }) }, entry);
      const written = await client.json<RawAllocation>({ ...mergePatch, path, body, signal });
      informers.allocations.assume(written);
      mustDiffer(written, entry);
      log.info(
        { vip, pool, svc, reservedUntil },
        reservedUntil ? 'address reserved' : 'service removed from shared address',
      );
    } else {
      const body = { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid, resourceVersion } };
      const left = await client.json<Partial<RawAllocation>>({ method: 'DELETE', path, body, signal });
      // The API server answers with the entry if it waits for a finalizer, and else with a Status.
      const waits = left.metadata?.finalizers !== undefined && left.spec !== undefined;
      if (waits) informers.allocations.assume(left as RawAllocation);
      else informers.allocations.store.remove(uid, resourceVersion);
      log.info(
        { vip, pool, svc },
        waits ? 'address is released when the finalizers of its entry are gone' : 'address released',
      );
    }
    // A Service may wait for this address.
    loop.trigger();
  } catch (error) {
    // The entry is gone already, or has changed.
    await throwLate(error, refusedAt(entry.address, entry, writer), writer);
  }
}

/**
 * Reads the Service from the API server: does it show the address, or has it changed since the decision that it no longer needs it? In
 * the second case the loop decides again soon. In the first case the change of its status triggers the next pass. kube-proxy serves whatever
 * a status shows, even that of a Service that is being deleted and waits for a finalizer.
 */
async function mayStillNeed(ref: ServiceRef, address: Ip, writer: Writer): Promise<boolean> {
  const { store } = writer.informers.services;
  const showsIt = ({ ingress }: ServiceView) => ingress.some(({ ip }) => ip === address);
  // Its status cannot be changed for now. No read is needed: when it changes, the watch reports it.
  const known = store.get(ref.uid);
  if (known !== undefined && showsIt(known)) return true;
  const raw = await readOrNothing<RawService>(servicePath(ref), writer);
  if (raw === undefined) return false;
  const live = parseService(raw);
  if (live.uid !== ref.uid) return false;
  if (!live.isLoadBalancer) return showsIt(live);
  const isKnown = store.get(live.uid)?.resourceVersion === live.resourceVersion;
  if (!isKnown) writer.loop.triggerIn(unheardMs);
  return !isKnown || showsIt(live);
}

/** The entry of a refused write. The informer may have heard since of an entry that the decision did not know. */
function refusedAt(address: Ip, known: AllocationView | undefined, { informers: { allocations } }: Writer) {
  const stored = () => allocations.store.values().find((entry) => entry.address === address);
  return { path: pathOf(address), informer: allocations, known, stored };
}

function pathOf(address: Ip): string {
  return `${collections.allocations}/${allocationName(address)}`;
}
