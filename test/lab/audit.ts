/** The API server's audit log: every request of Berth's own service accounts, for the test of what they may and what they do. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** One record of the log (audit.k8s.io/v1 Event), as much of it as is read. */
export interface AuditRecord {
  /** The request: of a watch there are two records. */
  readonly auditID: string;
  readonly verb: string;
  readonly user: { readonly username: string };
  readonly objectRef?: {
    readonly apiGroup?: string;
    readonly resource: string;
    readonly subresource?: string;
    readonly namespace?: string;
    readonly name?: string;
  };
  readonly responseStatus?: { readonly code?: number };
  readonly requestReceivedTimestamp: string;
  /** What was written, of a status or an Event. */
  readonly requestObject?: unknown;
}

const berth = { userGroups: ['system:serviceaccounts:berth-system'] } as const;

/** What tells why something was written. */
const told = [
  { group: 'events.k8s.io', resources: ['events'] },
  { group: 'berth.dev', resources: ['ipallocations/status', 'ipaddresspools/status'] },
  { group: '', resources: ['services/status'] },
] as const;

/**
 * Requests of others are not written down, so the log costs next to nothing. Of a watch the answer's beginning and its end are two
 * records: the first one is enough to know that it was opened.
 */
const policy = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  omitManagedFields: true,
  rules: [{ level: 'Request', ...berth, resources: told }, { level: 'Metadata', ...berth }, { level: 'None' }],
} as const;

/** Writes the policy, and gives the API server's flags for it. */
export function auditFlags(stateDir: string): readonly string[] {
  const file = join(stateDir, 'audit-policy.json');
  writeFileSync(file, JSON.stringify(policy));
  return [
    `--audit-policy-file=${file}`,
    `--audit-log-path=${auditLog(stateDir)}`,
    // Requests do not wait for the disk; what is not on it yet follows within a second.
    '--audit-log-mode=batch',
    '--audit-log-batch-max-wait=500ms',
    '--audit-log-maxsize=200',
    '--audit-log-maxbackup=1',
  ];
}

/** What the log holds now. Its last line may still be on its way. */
export function readAudit(stateDir: string): readonly AuditRecord[] {
  const file = auditLog(stateDir);
  if (!existsSync(file))
    throw new Error(`${file} is not there: this lab is older than its audit log, bring it up anew`);
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines.slice(0, -1).map((line) => JSON.parse(line) as AuditRecord);
}

function auditLog(stateDir: string): string {
  return join(stateDir, 'audit.log');
}
