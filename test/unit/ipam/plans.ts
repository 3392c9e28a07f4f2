/** Plans of small snapshots, and plans as text, so that tests read as tables. */
import assert from 'node:assert/strict';
import type { Ip } from '../../../src/addr/ip.ts';
import type { AllocationSpec } from '../../../src/api/allocation.ts';
import type { ServiceAllocation } from '../../../src/api/pool.ts';
import type { ServiceView } from '../../../src/api/service.ts';
import { type Plan, type Snapshot, settle } from '../../../src/ipam/allocate.ts';
import type { Assigned, Decision } from '../../../src/ipam/decision.ts';
import { entry, ownership, service, writer } from '../fixtures.ts';

/** A snapshot that contains only these facts. */
export function snapshotOf(facts: Partial<Snapshot>): Snapshot {
  return { pools: [], namespaces: [], nodes: [], services: [], ledger: [], ownership, now: 0, ...facts };
}

/** The plan for a snapshot that contains only these facts. */
export function plan(facts: Partial<Snapshot>): Plan {
  return settle(snapshotOf(facts)).plan;
}

/** `ADDRESS+ADDRESS` and the reason, unless it is `Allocated`; only the reason if there is no address. */
export function outcomeText(decision: Decision): string {
  if (decision.kind === 'Refused') return `${decision.reason}${decision.keepsStatus ? ', keeps status' : ''}`;
  const addresses = decision.bindings.map(({ address }) => address).join('+');
  return decision.reason === 'Allocated' ? addresses : `${addresses} ${decision.reason}`;
}

/** `NAME outcome` of each Service, in the order of the decisions. */
export function outcomes({ decisions }: Plan): readonly string[] {
  return decisions.map((decision) => `${decision.service.name} ${outcomeText(decision)}`);
}

/** The decision about the Service with this name. */
export function decisionOf({ decisions }: Plan, name: string): Decision {
  return decisions.find(({ service }) => service.name === name) ?? assert.fail(`no decision about ${name}`);
}

/** The same for a Service that has an address. */
export function assignedTo(of: Plan, name: string): Assigned {
  const decision = decisionOf(of, name);
  if (decision.kind === 'Refused') assert.fail(`${name}: ${decision.reason}`);
  return decision;
}

/** `ADDRESS POOL SERVICE,SERVICE [key] [until MS]`. */
function specText({ address, pool, services, sharingKey, reservedUntil }: AllocationSpec): string {
  const names = services.map(({ name, uid }) => (uid === `uid-${name}` ? name : `${name}(${uid})`)).join(',');
  const until = reservedUntil === undefined ? '' : ` until ${Date.parse(reservedUntil)}`;
  return `${address} ${pool} ${names || '-'}${sharingKey === undefined ? '' : ` key ${sharingKey}`}${until}`;
}

/** The writes that create or update entries, by address. */
export function binds({ binds: planned }: Plan): readonly string[] {
  return [...planned.values()].map(({ entry, spec }) => `${entry ? 'update' : 'create'} ${specText(spec)}`).sort();
}

/** The releases, by address. */
export function releases({ releases: planned }: Plan): readonly string[] {
  return planned.map(({ entry, spec }) => (spec ? `update ${specText(spec)}` : `delete ${entry.address}`)).sort();
}

/** The snapshot after the addresses of a plan are bound and shown. */
export function shown(given: Partial<Snapshot>): Partial<Snapshot> {
  const { decisions, binds: planned } = plan(given);
  const has = new Map(decisions.map((decision) => [decision.service, decision]));
  const services = (given.services ?? []).map((service) => {
    const decision = has.get(service);
    const addresses = decision?.kind === 'Assigned' ? decision.bindings.map(({ address }) => address) : [];
    return addresses.length > 0 ? { ...service, ...showing(...addresses) } : service;
  });
  const others = (given.ledger ?? []).filter(({ address }) => !planned.has(address));
  const bound = [...planned.values()].map(({ spec }) => {
    const { services: refs, pool, sharingKey } = spec;
    return entry(spec.address, service(''), { services: refs, pool, sharingKey });
  });
  return { ...given, services, ledger: [...others, ...bound] };
}

/** One row of a table of snapshots. */
export interface Row {
  readonly desc: string;
  readonly given: Partial<Snapshot>;
  /** The outcome of every Service, or of the Services whose names begin the texts. */
  readonly expected: readonly string[];
}

/** Checks the decision of each row. */
export function check(rows: readonly Row[]): void {
  for (const { desc, given, expected } of rows) assert.deepEqual(outcomes(plan(given)), expected, desc);
}

/** Facts of a Service that shows addresses which Berth wrote. */
export function showing(...addresses: readonly string[]): Pick<ServiceView, 'ingress' | 'ingressWriters'> {
  return { ingress: addresses.map((ip) => ({ ip, ipMode: 'VIP' })), ingressWriters: [writer('berth-controller')] };
}

/** Facts of a Service that shows addresses which another program wrote. */
export function shownByOther(...addresses: readonly string[]): Pick<ServiceView, 'ingress' | 'ingressWriters'> {
  return { ...showing(...addresses), ingressWriters: [writer('metallb-controller')] };
}

/** The Services that a pool is for. */
export function allocation(facts: Partial<ServiceAllocation> = {}): { readonly allocation: ServiceAllocation } {
  return {
    allocation: { priority: 0, namespaces: [], namespaceSelectors: [], serviceSelectors: [], strict: false, ...facts },
  };
}

/** A Service that was created again: another uid under the same name. */
export function again(service: ServiceView, facts: Partial<ServiceView> = {}): ServiceView {
  return { ...service, uid: `${service.uid}-again`, ingress: [], ingressWriters: [], ...facts };
}

/** Makes an address of a text. */
export const ip = (text: string): Ip => text as Ip;
