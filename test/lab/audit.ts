/**
 * The API server's audit log. It has every request of Berth's own service accounts. Tests use it to compare the
 * requests that Berth makes with its permissions.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** One record of the log (audit.k8s.io/v1 Event), with the fields that are read here. */
export interface AuditRecord {
  /** The id of the request. A watch has two records. */
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
  /** The object that was written, if it is a status or an Event. */
  readonly requestObject?: unknown;
}

const berth = { userGroups: ['system:serviceaccounts:berth-system'] } as const;

/** Resources whose written objects are logged, because they show why Berth wrote them. */
const told = [
  { group: 'events.k8s.io', resources: ['events'] },
  { group: 'berth.dev', resources: ['ipallocations/status', 'ipaddresspools/status'] },
  { group: '', resources: ['services/status'] },
] as const;

/**
 * Requests of other users are not logged, so the log costs almost nothing. A watch has two records, for the start and
 * the end of the answer. The first one is enough to know that the watch was opened.
 */
const policy = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  omitManagedFields: true,
  rules: [{ level: 'Request', ...berth, resources: told }, { level: 'Metadata', ...berth }, { level: 'None' }],
} as const;

/** Writes the audit policy to a file, and returns the API server's flags for it. */
export function auditFlags(stateDir: string): readonly string[] {
  const file = join(stateDir, 'audit-policy.json');
  writeFileSync(file, JSON.stringify(policy));
  return [
    `--audit-policy-file=${file}`,
    `--audit-log-path=${auditLog(stateDir)}`,
    // Requests do not wait for the disk. Their records are on it within a second.
    '--audit-log-mode=batch',
    '--audit-log-batch-max-wait=500ms',
    '--audit-log-maxsize=200',
    '--audit-log-maxbackup=1',
  ];
}

/** The present content of the log. Its last line may be incomplete, and is left out. */
export function readAudit(stateDir: string): readonly AuditRecord[] {
  const file = auditLog(stateDir);
  if (!existsSync(file))
    throw new Error(`${file} does not exist: this lab was started before it had an audit log, start it again`);
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines.slice(0, -1).map((line) => JSON.parse(line) as AuditRecord);
}

function auditLog(stateDir: string): string {
  return join(stateDir, 'audit.log');
}
