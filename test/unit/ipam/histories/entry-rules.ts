/** The rules for every write to the ledger. The oracle knows what is allowed; this file decides what each write must be checked for. */
import assert from 'node:assert/strict';
import { addressIn } from '../../../oracle/addresses.ts';
import { type Given, whyMayLeave } from '../../../oracle/keeping.ts';
import {
  entriesOf,
  entryOf,
  familyOf,
  isOfNamespace,
  isReserved,
  isSameName,
  livingOf,
  refsOf,
  reservedUntil,
  successorOf,
  waitingAfter,
} from '../../../oracle/ledger.ts';
import { type Cluster, type Entry, keyOf, oldestFirst, type Ref, type Service } from '../../../oracle/objects.ts';
import { homeOf } from '../../../oracle/pools.ts';
import { lacking } from '../../../oracle/reasons.ts';
import {
  isOfNode,
  ledgerObjections,
  type Objection,
  poolObjections,
  quotaObjections,
  surroundingObjections,
} from '../../../oracle/rights.ts';
import { backendsOf, barrierBetween, doPortsMeet } from '../../../oracle/sharing.ts';
import { isForeign, isToBeTakenOver, shownBy, wishesOf } from '../../../oracle/wishes.ts';

/** One write, the knowledge of its writer, and the real state. */
export interface EntryWrite {
  readonly address: string;
  readonly before: Entry | undefined;
  readonly after: Entry | undefined;
  readonly known: Cluster;
  readonly live: Cluster;
  /** How a Service got an address. */
  readonly givenOf: (uid: string, address: string) => Given | undefined;
}

/** A Service that the entry names after the write and did not name before. */
interface Joining {
  readonly ref: Ref;
  readonly service: Service;
  /** The entry named a Service of the same name before. */
  readonly isReturning: boolean;
}

/** All rules for a write to the ledger. */
export const entryRules: Readonly<Record<string, (of: EntryWrite) => void>> = {
  'an entry in use names a Service': ({ address, after }) => {
    assert.ok(after === undefined || refsOf(after).length > 0 || isReserved(after), `${address} belongs to no Service`);
  },
  'an entry names each Service once, and no port twice': ({ address, before, after, live }) => {
    const added = refsOf(after).filter((ref) => !refsOf(before).some((other) => isSameText(ref, other)));
    for (const ref of added) {
      for (const other of refsOf(after).filter(({ uid }) => uid !== ref.uid)) {
        // An edit that the writer does not know yet may cause or end a collision.
        const ports = livingOf(live, other)?.spec.ports ?? [];
        const both = (other.ports ?? []).filter((port) => doPortsMeet([port], ports));
        assert.ok(!doPortsMeet(ref.ports, both), `${address}: ${keyOf(ref)} uses a port of ${keyOf(other)}`);
        assert.notEqual(keyOf(ref), keyOf(other), `${address} names ${keyOf(ref)} twice`);
      }
    }
    const isShared = added.length > 0 && refsOf(after).length > 1;
    assert.ok(!isShared || after?.spec.sharingKey !== undefined, `${address} is shared without a key`);
  },
  'a Service that shows an address stays in its entry': (of) => {
    const { address, before, live } = of;
    if (before === undefined || isReserved(before)) return;
    for (const ref of struckIn(of)) {
      const service = livingOf(live, ref);
      const isShown = service !== undefined && shownBy(service).includes(address);
      assert.ok(!isShown, `${keyOf(ref)} shows ${address} and is removed from its entry`);
    }
  },
  'an address that is kept back is for the Services that it is kept for': ({ address, before, after, live }) => {
    if (before === undefined || !isReserved(before) || reservedUntil(before) <= live.now) return;
    assert.ok(after, `${address} is released too early`);
    const isBack = refsOf(after).some((ref) => refsOf(before).some((one) => isSameText(ref, one)));
    const isKept = isReserved(after) && refsOf(after).length === 0;
    assert.ok(isBack || isKept, `${address} is given to ${refsOf(after).map(keyOf)}`);
  },
  'a released address is kept back as its pool requires': ({ address, before, after, known }) => {
    if (before === undefined || (after !== undefined && !isReserved(after))) return;
    const waiting = after && { for: refsOf(after).map(({ uid }) => uid), until: reservedUntil(after) };
    assert.deepEqual(waiting, waitingAfter(known, before), address);
  },
  'an address that is kept back counts for the namespaces whose Services had it': ({ address, before, after }) => {
    if (before === undefined || after === undefined || !isReserved(after)) return;
    const had = [...refsOf(before).map(({ namespace }) => namespace), ...(before.spec.formerNamespaces ?? [])];
    const lost = had.filter((namespace) => !isOfNamespace(after, namespace));
    assert.deepEqual(lost, [], `${address} counts for them no more`);
  },
  'a Service gets an address that a pool may give it': (of) => {
    const { address, after, known } = of;
    const joining = joiningOf(of);
    // An address that was kept back is in use again, and may be shared, when a Service that it was kept for returns.
    const isBack = joining.some(({ isReturning }) => isReturning);
    const isLifted = ({ reason }: Objection) => isBack && reason === 'AddressReserved';
    for (const { service, isReturning } of joining) {
      const match = { service, address };
      const name = keyOf(service.metadata);
      assert.ok(!isOfNode(known, address), `${name} gets the node's address ${address}`);
      if (isReturning) continue;
      const isNamed = ({ metadata }: Service) => refsOf(after).some(({ uid }) => uid === metadata.uid);
      const isShownByNamed = known.services.some((one) => isNamed(one) && shownBy(one).includes(address));
      // If two Services show it, the older one gets it, and other Services may join.
      const isStrange = !isShownByNamed && refsOf(entryOf(known, address)).length === 0;
      const others = known.services.filter((one) => !isNamed(one));
      const objections = [
        ...poolObjections(known, match),
        ...ledgerObjections(known, match).filter((one) => !isLifted(one)),
        ...quotaObjections(known, match),
        ...(isStrange ? surroundingObjections({ ...known, services: others }, match) : []),
      ];
      assert.deepEqual(objections, [], `${name} gets ${address}`);
      const { faults } = wishesOf(service);
      assert.ok(faults.length === 0 || shownBy(service).includes(address), `${name} gets ${address}: ${faults}`);
    }
  },
  'a Service that was created again does not return to a pool that is draining': (of) => {
    const { address, known } = of;
    for (const { service, isReturning } of joiningOf(of)) {
      if (!isReturning || shownBy(service).includes(address)) continue;
      const ip = addressIn(address);
      const state = ip && homeOf(known, ip)?.spec.state;
      assert.notEqual(state, 'Draining', `${keyOf(service.metadata)} returns to ${address}`);
    }
  },
  'if two Services show an address without an entry, the older one gets it': (of) => {
    const { address, known, before } = of;
    if (before !== undefined) return;
    const joining = joiningOf(of).map(({ service }) => service);
    for (const service of joining.filter((one) => shownBy(one).includes(address))) {
      const others = known.services.filter((one) => !joining.includes(one) && shownBy(one).includes(address));
      const older = others.filter((one) => oldestFirst(one, service) < 0 && mayAdopt(known, one, address));
      assert.deepEqual(
        older.map(({ metadata }) => keyOf(metadata)),
        [],
        `${keyOf(service.metadata)} gets ${address}`,
      );
    }
  },
  'only compatible Services share an address': (of) => {
    const { address, after, known } = of;
    for (const { service, isReturning } of joiningOf(of)) {
      const name = keyOf(service.metadata);
      assert.equal(after?.spec.sharingKey, wishesOf(service).key, `the key of ${address}, which ${name} joins`);
      for (const ref of refsOf(after).filter((one) => !isSameName(one, service))) {
        const other = livingOf(known, ref) ?? successorOf(known, ref);
        // For a Service whose uid and name the writer does not know, only the entry counts.
        const doMeet = other === undefined && !isReturning && doPortsMeet(ref.ports, service.spec.ports);
        assert.ok(!doMeet, `${name} joins ${keyOf(ref)} at ${address}, and both use a port`);
        if (other === undefined || isLeaving(known, other, address)) continue;
        const barrier = barrierBetween(service, other);
        assert.equal(barrier, undefined, `${name} joins ${keyOf(ref)} at ${address}: ${barrier}`);
      }
    }
  },
  'an entry records for each Service what sharing needs, and the request for pools that the address fulfills': (of) => {
    const { address, before, after, known } = of;
    if (after === undefined || isReserved(after)) return;
    for (const ref of refsOf(after)) {
      const recorded = refsOf(before).find(({ uid }) => uid === ref.uid);
      if (recorded && JSON.stringify(recorded) === JSON.stringify(ref)) continue;
      const service = known.services.find(({ metadata }) => metadata.uid === ref.uid);
      assert.ok(service, `${keyOf(ref)} changes at ${address}, and the writer does not know it`);
      const { key, pools } = wishesOf(service);
      assert.equal(ref.backends, key === undefined ? undefined : backendsOf(service), `${keyOf(ref)} at ${address}`);
      const former = refsOf(before).find((one) => isSameText(one, ref))?.requestedPools;
      const isFulfilled: boolean = pools.includes(after.spec.pool);
      const request: readonly string[] | undefined = pools.length === 0 || isFulfilled ? pools : former;
      assert.deepEqual(ref.requestedPools ?? [], request ?? [], `the request of ${keyOf(ref)} at ${address}`);
    }
  },
  'a Service gets another address only if it may leave its own': (of) => {
    const { address, known, givenOf } = of;
    for (const { service, ref } of joiningOf(of)) {
      const family = addressIn(address)?.family;
      const own = entriesOf(known, service).filter((entry) => familyOf(entry) === family);
      // After a crash a Service may have two.
      const [entry] = own;
      if (entry === undefined || own.length > 1 || entry.spec.address === address) continue;
      const holding = { service, entry, given: givenOf(ref.uid, entry.spec.address) };
      assert.ok(whyMayLeave(known, holding), `${keyOf(ref)} gets ${address} and must keep ${entry.spec.address}`);
    }
  },
};

/** The Services that the write removes from the entry. */
export function struckIn({ before, after }: EntryWrite): readonly Ref[] {
  return refsOf(before).filter((ref) => !refsOf(after).some(({ uid }) => uid === ref.uid));
}

/** The Services that the write adds, as its writer knows them. */
function joiningOf({ before, after, known }: EntryWrite): readonly Joining[] {
  if (after === undefined || isReserved(after)) return [];
  const added = refsOf(after).filter(({ uid }) => !refsOf(before).some((other) => other.uid === uid));
  return added.map((ref) => {
    const service = known.services.find(({ metadata }) => metadata.uid === ref.uid);
    assert.ok(service, `the entry names ${keyOf(ref)}, which its writer does not know`);
    return { ref, service, isReturning: refsOf(before).some((other) => isSameText(ref, other)) };
  });
}

/** Whether the Service may have the address that it shows, by the rules of the pool. */
function mayAdopt(known: Cluster, service: Service, address: string): boolean {
  const match = { service, address };
  const family = addressIn(address)?.family;
  const isTheirs = isForeign(service, known.rules) && !isToBeTakenOver(service, known.rules);
  if (isTheirs || !wishesOf(service).families.some((one) => one === family)) return false;
  // The Service keeps the address that it has in the ledger.
  if (entriesOf(known, service).some((entry) => familyOf(entry) === family)) return false;
  return [...poolObjections(known, match), ...quotaObjections(known, match)].length === 0;
}

/** Whether the Service will leave the address. Several Services may leave if they were changed at the same time. */
function isLeaving(known: Cluster, service: Service, address: string): boolean {
  const entry = entryOf(known, address);
  if (entry === undefined) return false;
  // "`RequireDualStack` waits until both are there": a single address is of no use if the Service does not show it yet.
  const needsBoth = service.spec.ipFamilyPolicy === 'RequireDualStack' && !shownBy(service).includes(address);
  const waits = needsBoth && lacking({ cluster: known, service }).length > 0;
  return waits || whyMayLeave(known, { service, entry }) !== undefined;
}

function isSameText(a: Ref, b: Ref): boolean {
  return keyOf(a) === keyOf(b);
}
