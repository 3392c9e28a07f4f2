/** What Berth's roles ask of the API server, counted from its audit log. */

import { type AuditRecord, readAudit } from '../lab/audit.ts';
import type { Lab } from '../lab/cluster.ts';
import { eventually } from '../lab/poll.ts';
import { namespace } from './berth.ts';
import { grantText, useOf } from './permissions.ts';

/** Requests by `role verb resource`. */
export type Counts = Readonly<Record<string, number>>;

/** How often something may be asked for, and why so often. */
export interface Allowance {
  readonly most: number;
  readonly reason: string;
}

/** By `role verb resource`, as in {@link Counts}. What is not named may not be asked for at all. */
export type Budget = Readonly<Record<string, Allowance>>;

const election = / leases\.coordination\.k8s\.io$/;

/** Counts what was asked for from one moment to another. The Lease is left out: it is asked for by the clock, whatever else happens. */
export async function requestsBetween(lab: Lab, from: Date, to: Date): Promise<Counts> {
  const [begun, ended] = [from.toISOString(), to.toISOString()];
  const records = await eventually('the whole log of that time', () => {
    const all = readAudit(lab.stateDir);
    // The leader renews its Lease all the time: what comes after the end tells that nothing from before is missing.
    return all.some(({ requestReceivedTimestamp: at }) => at > ended) && all;
  });
  const ours = records.filter(({ requestReceivedTimestamp: at }) => at >= begun && at < ended);
  return countsOf(new Map(ours.map((record) => [record.auditID, record])).values());
}

/** The counts without those of the Lease. */
export function withoutElection(counts: Counts): Counts {
  return Object.fromEntries(Object.entries(counts).filter(([what]) => !election.test(what)));
}

/** What was asked for more often than the budget allows, a line each. */
export function excessOf(counts: Counts, budget: Budget): readonly string[] {
  return Object.entries(counts)
    .filter(([what, count]) => count > (budget[what]?.most ?? 0))
    .map(([what, count]) => `${what}: ${count} of ${budget[what]?.most ?? 0}`);
}

function countsOf(records: Iterable<AuditRecord>): Counts {
  const counts: Record<string, number> = {};
  for (const record of records) {
    const { verb, resource } = useOf(record);
    const role = record.user.username.replace(`system:serviceaccount:${namespace}:berth-`, '');
    const what = `${role} ${grantText({ namespace: undefined, verb, resource, name: undefined })}`;
    counts[what] = (counts[what] ?? 0) + 1;
  }
  return counts;
}
