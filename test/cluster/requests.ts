/** The requests of Berth's roles to the API server, counted from its audit log. */

import { type AuditRecord, readAudit } from '../lab/audit.ts';
import type { Lab } from '../lab/cluster.ts';
import { eventually } from '../lab/poll.ts';
import { namespace } from './berth.ts';
import { grantText, useOf } from './permissions.ts';

/** Requests by `role verb resource`. */
export type Requests = Readonly<Record<string, readonly AuditRecord[]>>;

/** How many requests of a kind are allowed, and why. */
export interface Allowance {
  readonly most: number;
  readonly reason: string;
}

/** By `role verb resource`, as in {@link Requests}. A kind of request that is not named is not allowed at all. */
export type Budget = Readonly<Record<string, Allowance>>;

const election = / leases\.coordination\.k8s\.io$/;

/** The requests between two moments. */
export async function requestsBetween(lab: Lab, from: Date, to: Date): Promise<Requests> {
  const [begun, ended] = [from.toISOString(), to.toISOString()];
  const records = await eventually('the whole log of that time', () => {
    const all = readAudit(lab.stateDir);
    // The leader renews its Lease all the time: a record from after the end shows that no earlier record is missing.
    return all.some(({ requestReceivedTimestamp: at }) => at > ended) && all;
  });
  const ours = records.filter(({ requestReceivedTimestamp: at }) => at >= begun && at < ended);
  return byKind(new Map(ours.map((record) => [record.auditID, record])).values());
}

/** The requests without those for the Lease, which depend only on the time. */
export function withoutElection(requests: Requests): Requests {
  return Object.fromEntries(Object.entries(requests).filter(([what]) => !election.test(what)));
}

/** A text for each kind of request above its budget: the number, and every request with the object that it wrote. */
export function excessOf(requests: Requests, budget: Budget): readonly string[] {
  return Object.entries(requests)
    .filter(([what, records]) => records.length > (budget[what]?.most ?? 0))
    .map(([what, records]) => {
      const lines = [`${what}: ${records.length} of ${budget[what]?.most ?? 0}`, ...records.map(textOf)];
      return lines.join('\n  ');
    });
}

function textOf({ objectRef, requestReceivedTimestamp: at, requestObject }: AuditRecord): string {
  return `${at} ${objectRef?.name ?? ''} ${JSON.stringify(requestObject) ?? ''}`;
}

function byKind(records: Iterable<AuditRecord>): Requests {
  return Object.groupBy(records, (record) => {
    const { verb, resource } = useOf(record);
    const role = record.user.username.replace(`system:serviceaccount:${namespace}:berth-`, '');
    return `${role} ${grantText({ namespace: undefined, verb, resource, name: undefined })}`;
  }) as Requests;
}
