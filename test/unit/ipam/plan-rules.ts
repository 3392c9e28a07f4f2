/** What must hold of every plan, whatever it was made on. */
import assert from 'node:assert/strict';
import { familyOf, type Ip } from '../../../src/addr/ip.ts';
import type { AllocationView } from '../../../src/api/allocation.ts';
import type { ServiceView } from '../../../src/api/service.ts';
import { type Plan, planAllocations, type Snapshot } from '../../../src/ipam/allocate.ts';
import { isBuggy, isSameName } from '../../../src/ipam/book.ts';
import type { Decision } from '../../../src/ipam/decision.ts';
import { names, PoolTable } from '../../../src/ipam/pool-table.ts';
import { askOf } from '../../../src/ipam/requests.ts';
import { sharerOf, sharingConflict } from '../../../src/ipam/sharing.ts';
import { ip } from './plans.ts';

/** A plan and what it was made on. */
interface Case {
  readonly known: Snapshot;
  readonly plan: Plan;
  readonly table: PoolTable;
  readonly entries: ReadonlyMap<Ip, AllocationView>;
}

/** Every way in which a plan can be wrong. */
const planRules: Readonly<Record<string, (of: Case) => void>> = {
  'nobody shares an address who may not': ({ plan }) => {
    for (const [address, users] of usersOf(plan)) {
      users.forEach((one, i) => {
        for (const other of users.slice(i + 1)) {
          const conflict = sharingConflict(sharerOf(one), sharerOf(other));
          assert.equal(conflict, undefined, `${address} of ${one.key} and ${other.key}`);
        }
      });
    }
  },
  'a new address is one that a pool may give this Service, and nobody else shows': (of) => {
    for (const { service, address } of bindingsOf(of.plan))
      if (isNew(of, service, address)) mayHave(of, service, address);
  },
  'C7 no node’s address is bound anew, not even to who had it': ({ known, plan, entries }) => {
    for (const { service, address } of bindingsOf(plan)) {
      const had = entries.get(address)?.services.some(({ uid }) => uid === service.uid);
      const isNode = known.nodes.some(({ addresses }) => addresses.includes(address));
      assert.ok(had || !isNode, `${service.key} gets ${address}`);
    }
  },
  'no quota is passed': (of) => {
    for (const { name, quota } of of.known.pools) {
      for (const space of ['a', 'b']) {
        const [before, after] = countsOf(of, name, space);
        const grows = after > before;
        assert.ok(quota === undefined || !grows || after <= quota, `${space} has ${after} of ${name}`);
      }
    }
  },
  'addresses come in the order of the families, one of each': ({ plan }) => {
    for (const decision of plan.decisions) {
      if (decision.kind === 'Refused') continue;
      const has = decision.bindings.map(({ address }) => familyOf(address));
      const wanted = askOf(decision.service).families.filter((family) => has.includes(family));
      assert.deepEqual(has, wanted, decision.service.key);
      assert.ok(has.length > 0, `${decision.service.key} is assigned nothing`);
    }
  },
  'RequireDualStack gets both, or nothing new': ({ plan }) => {
    for (const { service, address, all } of bindingsOf(plan)) {
      if (service.familyPolicy !== 'RequireDualStack' || all.length === service.families.length) continue;
      assert.ok(shows(service, address), `${service.key} gets ${address} alone`);
    }
  },
  'the ledger says who has an address before the Service shows it': ({ plan, entries }) => {
    for (const { service, address } of bindingsOf(plan)) {
      const entry = plan.binds.get(address)?.spec ?? entries.get(address);
      const ref = entry?.services.find(({ uid }) => uid === service.uid);
      assert.deepEqual(ref?.ports, service.ports, `${service.key} at ${address}`);
      assert.ok(entry?.reservedUntil === undefined, `${address} is kept back`);
      assert.equal(entry?.sharingKey, askOf(service).sharingKey, `the key of ${address}`);
    }
  },
  'nobody is struck from the entry of an address that it has': ({ plan }) => {
    const users = usersOf(plan);
    for (const { entry, former, spec } of plan.releases) {
      const having = users.get(entry.address) ?? [];
      for (const { uid } of former) assert.ok(!having.some((one) => one.uid === uid), `${entry.address} is ${uid}'s`);
      for (const { uid } of entry.services) {
        const stays = spec?.services.some((ref) => ref.uid === uid) && spec.reservedUntil === undefined;
        assert.ok(stays || !having.some((one) => one.uid === uid), `${entry.address} of ${uid}`);
      }
    }
  },
  'an address changes only where the Service or a person asked for it, or it could share no longer': ({
    plan,
    table,
    entries,
  }) => {
    for (const decision of plan.decisions) {
      const { service } = decision;
      for (const { ip: text = '' } of service.ingress) {
        const entry = entries.get(ip(text));
        if (!entry?.services.some(({ uid }) => uid === service.uid)) continue;
        const has = decision.kind === 'Assigned' && decision.bindings.some(({ address }) => address === text);
        const pool = table.poolOf(entry.address);
        // A person wants it, and nobody else would get the address anyway.
        const isRenumbered = entry.renumber && (pool === undefined || pool.state === 'Draining');
        const isFree = isRenumbered || mayLeave(decision, entry, pool?.name ?? entry.pool);
        assert.ok(has || isFree, `${service.key} loses ${text}: ${decision.reason}`);
      }
    }
  },
  'the same objects in any order give the same plan': ({ known, plan }) => {
    const turned = <T>(items: readonly T[]) => structuredClone([...items.slice(1), ...items.slice(0, 1)].reverse());
    const { pools, namespaces, services, ledger } = known;
    const other = {
      pools: turned(pools),
      namespaces: turned(namespaces),
      services: turned(services),
      ledger: turned(ledger),
    };
    assert.deepEqual(canonical(planAllocations({ ...known, ...other })), canonical(plan));
  },
};

/** Holds a plan against all rules. */
export function checkPlan(known: Snapshot, plan: Plan): void {
  const table = new PoolTable(known.pools, known.namespaces);
  const entries = new Map(known.ledger.map((entry) => [entry.address, entry]));
  for (const [rule, check] of Object.entries(planRules)) explained(rule, () => check({ known, plan, table, entries }));
}

/** Says which rule was broken. */
export function explained(rule: string, check: () => void): void {
  try {
    check();
  } catch (error) {
    throw new Error(`${rule}: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
}

function bindingsOf({ decisions }: Plan) {
  return decisions.flatMap((decision) =>
    decision.kind === 'Refused'
      ? []
      : decision.bindings.map((one) => ({ ...one, service: decision.service, all: decision.bindings })),
  );
}

function usersOf(plan: Plan): ReadonlyMap<Ip, readonly ServiceView[]> {
  const users = new Map<Ip, ServiceView[]>();
  for (const { address, service } of bindingsOf(plan)) users.set(address, [...(users.get(address) ?? []), service]);
  return users;
}

function isNew({ entries }: Case, service: ServiceView, address: Ip): boolean {
  return !(entries.get(address)?.services.some((ref) => ref.uid === service.uid || isSameName(service, ref)) ?? false);
}

function mayHave({ known, plan, table, entries }: Case, service: ServiceView, address: Ip): void {
  const text = `${service.key} gets ${address}`;
  const pool = table.poolOf(address);
  assert.ok(pool, `${text}, which is in no pool`);
  const bar = table.ranked(service).find((one) => one.pool === pool)?.bar;
  const mayRest = shows(service, address) && (bar === 'Cordoned' || bar === 'Draining');
  assert.ok(bar === undefined || mayRest, `${text} of ${pool.name}: ${bar}`);
  const { addresses, pools, sharingKey } = askOf(service);
  const asked = addresses.size > 0 || pools.length > 0 || sharingKey !== undefined || shows(service, address);
  assert.ok(asked || pool.autoAssign, `${text} of ${pool.name}, which gives only when asked`);
  assert.ok(
    !pool.avoidBuggyIPs || !isBuggy(familyOf(address), BigInt(address.split('.')[3] ?? 1)),
    `${text}, which is avoided`,
  );
  // Of two that show one address the older one has it. Others may join who has it, by what the ledger or this plan says.
  const isJoined = (usersOf(plan).get(address)?.length ?? 0) > 1 || (entries.get(address)?.services.length ?? 0) > 0;
  if (shows(service, address) || isJoined) return;
  for (const other of known.services) {
    const isOther = other.uid !== service.uid && other.isLoadBalancer;
    assert.ok(!isOther || !shows(other, address), `${text}, which ${other.key} shows`);
  }
}

function countsOf({ known, plan, table, entries }: Case, pool: string, space: string): readonly [number, number] {
  const poolOf = (address: Ip) => {
    const entry = entries.get(address);
    const recorded = entry && table.named(entry.pool);
    if (entry && recorded && names(recorded, familyOf(address), entry.value)) return entry.pool;
    return table.poolOf(address)?.name ?? entry?.pool;
  };
  const before = known.ledger
    .filter(({ services }) => services.some(({ namespace }) => namespace === space))
    .map(({ address }) => address);
  const now = bindingsOf(plan)
    .filter(({ service }) => service.namespace === space)
    .map(({ address }) => address);
  const count = (addresses: readonly Ip[]) => new Set(addresses.filter((address) => poolOf(address) === pool)).size;
  return [count(before), count([...before, ...now])];
}

/** `home` is the pool that the address is of now: a Service may have asked for the one that it was of. */
function mayLeave(decision: Decision, { address, pool }: AllocationView, home: string): boolean {
  const { addresses, pools, families } = askOf(decision.service);
  const family = familyOf(address);
  const wanted = addresses.get(family);
  const wish =
    wanted === undefined ? pools.length > 0 && !(pools.includes(pool) && pools.includes(home)) : wanted !== address;
  // One that had to leave while another program writes its status is left to that program.
  const reasons = ['SharingConflict', 'StatusContested'];
  const evicted = decision.kind === 'Assigned' ? decision.evicted !== undefined : reasons.includes(decision.reason);
  return wish || evicted || !families.includes(family);
}

/** Does the status show the address? */
export function shows({ ingress }: ServiceView, address: string): boolean {
  return ingress.some((one) => one.ip === address);
}

/** A plan without the order of what has none. */
function canonical({ decisions, binds, releases, strays, nextAt }: Plan): unknown {
  const sorted = <T>(items: readonly T[], by: (item: T) => string) =>
    [...items].sort((a, b) => (by(a) < by(b) ? -1 : 1));
  return {
    decisions: sorted(
      decisions.map(({ service, ...rest }) => ({ key: service.key, ...rest })),
      ({ key }) => key,
    ),
    binds: sorted([...binds.values()], ({ spec }) => spec.address),
    releases: sorted(releases, ({ entry }) => entry.address),
    strays: sorted(
      strays.map(({ key }) => key),
      (key) => key,
    ),
    nextAt,
  };
}
