/** The rules for every write to a Service's status. */
import assert from 'node:assert/strict';
import { addressIn } from '../../../oracle/addresses.ts';
import { type Given, type Leave, whyMayLeave } from '../../../oracle/keeping.ts';
import { entriesOf, entryOf, isReserved, refsOf } from '../../../oracle/ledger.ts';
import { type Cluster, keyOf, type Service } from '../../../oracle/objects.ts';
import { homeOf } from '../../../oracle/pools.ts';
import { areSamePorts } from '../../../oracle/sharing.ts';
import { isForeign, shownBy, wishesOf } from '../../../oracle/wishes.ts';

/** One write, the knowledge of its writer, and the real state. */
export interface StatusWrite {
  readonly before: Service;
  readonly after: Service;
  readonly known: Cluster;
  readonly live: Cluster;
  readonly givenOf: (uid: string, address: string) => Given | undefined;
}

/** How long another program must be quiet before its addresses are replaced. */
const quietMs = 60_000;

/** The reasons by which a Service may lose an address that it showed without getting another one. */
const withoutAnother: ReadonlySet<Leave> = new Set(['FamilyGone', 'CannotShare', 'Obstructed']);

/** All rules for a write to a status. */
export const statusRules: Readonly<Record<string, (of: StatusWrite) => void>> = {
  'the ledger has an address of the Service before the Service shows it': ({ before, after, live }) => {
    const name = keyOf(after.metadata);
    for (const address of newIn(after, before)) {
      const entry = entryOf(live, address);
      const ref = refsOf(entry).find(({ uid }) => uid === after.metadata.uid);
      assert.ok(entry && ref, `${name} shows ${address}, without an entry`);
      assert.ok(!isReserved(entry), `${name} shows ${address}, which is kept back`);
      assert.ok(areSamePorts(ref.ports, after.spec.ports), `the entry of ${address} names other ports than ${name}`);
      assert.equal(entry.spec.sharingKey, wishesOf(after).key, `the key of ${address}, which ${name} shows`);
    }
  },
  'addresses come in the order of the families, one of each': ({ before, after }) => {
    if (newIn(after, before).length === 0) return;
    const has = shownBy(after).map((address) => addressIn(address)?.family);
    const wanted = wishesOf(after).families.filter((family) => has.includes(family));
    assert.deepEqual(has, wanted, keyOf(after.metadata));
  },
  'a Service that requires both families gets both, or nothing new': ({ before, after }) => {
    const { families } = wishesOf(after);
    if (after.spec.ipFamilyPolicy !== 'RequireDualStack' || shownBy(after).length === families.length) return;
    assert.deepEqual(newIn(after, before), [], `${keyOf(after.metadata)} gets only one family`);
  },
  "another program's status is replaced only after it was quiet, and cleared only if its Service must leave the address":
    ({ before, after, known, live }) => {
      if (!isForeign(before, live.rules) || shownBy(before).join() === shownBy(after).join()) return;
      const times = (before.metadata.managedFields ?? [])
        .filter(({ fieldsV1 }) => JSON.stringify(fieldsV1 ?? {}).includes('"f:ingress"'))
        .map(({ time = '' }) => Date.parse(time));
      const silentMs = live.now - Math.max(...times);
      assert.ok(silentMs >= quietMs, `${keyOf(after.metadata)}, written ${silentMs} ms ago`);
      const whyLeft = entriesOf(known, after).map((entry) => whyMayLeave(known, { service: after, entry }));
      const isLost = whyLeft.length > 0 && whyLeft.every((why) => why && withoutAnother.has(why));
      assert.ok(shownBy(after).length > 0 || isLost, `${keyOf(after.metadata)} is cleared`);
    },
  'an address of a Service changes only if the Service or an administrator wants it': (of) => {
    const { before, after, known, givenOf } = of;
    for (const address of newIn(before, after)) {
      const entry = entryOf(known, address);
      if (entry === undefined || isReserved(entry)) continue;
      if (!refsOf(entry).some(({ uid }) => uid === after.metadata.uid)) continue;
      const given = givenOf(after.metadata.uid, address);
      const why = whyMayLeave(known, { service: after, entry, given });
      const name = keyOf(after.metadata);
      const family = addressIn(address)?.family;
      const instead = shownBy(after).find((other) => addressIn(other)?.family === family);
      assert.ok(why, `${name} must keep ${address}, and shows ${shownBy(after)}`);
      assert.ok(instead ?? withoutAnother.has(why), `${name} loses ${address} and gets nothing: ${why}`);
      if (instead !== undefined) assertWish(of, instead, why);
    }
  },
};

/** If a Service changes its address by its own wish, it gets an address that it asks for. */
function assertWish({ after, known }: StatusWrite, address: string, why: Leave): void {
  const { addresses, pools } = wishesOf(after);
  const ip = addressIn(address);
  const text = `${keyOf(after.metadata)} gets ${address}`;
  if (why === 'AsksForAddress')
    assert.ok([...addresses.values()].includes(address), `${text}, which it does not ask for`);
  const home = ip && homeOf(known, ip)?.metadata.name;
  const isOfPool = pools.includes(entryOf(known, address)?.spec.pool ?? '') || pools.includes(home ?? '');
  if (why === 'AsksForPool') assert.ok(isOfPool, `${text} of pool ${home}, which it does not ask for`);
}

/** The addresses that one Service shows and the other does not. */
function newIn(one: Service, other: Service): readonly string[] {
  const shown = shownBy(other);
  return shownBy(one).filter((address) => !shown.includes(address));
}
