/** `renumber`: gives another address to Services whose pool is draining or was removed. */
import { type RawAllocation, renumberAnnotation } from '../../api/allocation.ts';
import { parseService, type RawService } from '../../api/service.ts';
import { servicePath } from '../../kube/resources.ts';
import { readCluster } from '../cluster/cluster.ts';
import { ask, readOne } from '../cluster/read.ts';
import type { Session } from '../cluster/session.ts';
import type { CommandSpec } from '../command.ts';
import { serviceName } from '../explain/command.ts';
import type { Answer } from '../output/answer.ts';
import { plain } from '../output/colors.ts';
import { exits, Failure, misused } from '../output/failure.ts';
import { printable } from '../output/printable.ts';
import { type Column, renderTable, type TableStyle } from '../output/table.ts';
import { durationOf, waitFor } from '../output/wait-for.ts';
import { entryPath } from './node-drain.ts';
import { entriesFor, planRenumbering, type Renumbered } from './renumber-plan.ts';

/** The command. */
export const renumberCommand: CommandSpec = {
  name: 'renumber',
  summary: 'give another address to Services whose pool is draining or was removed',
  description:
    'Shows the new address of each Service and asks for confirmation. Then it annotates the IPAllocations with berth.dev/renumber, and waits until the Services have their new addresses. The controller assigns the new address before it releases the old one. An address of an active pool is never changed. You must update clients and DNS.\nStatus 1: an address was not changed.',
  args: [{ name: '[service]', what: 'svc/NAME, or NAME', completes: 'service' }],
  options: [
    { flags: '--pool <pool>', what: 'all Services with an address of this pool' },
    { flags: '--dry-run', what: 'show the new addresses, and change nothing' },
    { flags: '-y, --yes', what: 'do not ask for confirmation' },
    { flags: '--timeout <time>', what: 'how long to wait', byDefault: '1m' },
  ],
  examples: [
    ['kubectl berth renumber --pool old --dry-run', 'the new address of every Service of the pool old'],
    ['kubectl berth renumber svc/web -n shop --yes', 'give the Service web another address now'],
  ],
  run: async (session, { args: [text], options }) => {
    const pool = options.pool as string | undefined;
    if ((text === undefined) === (pool === undefined))
      throw misused('nothing to renumber', 'give either svc/NAME or --pool POOL');
    const timeoutMs = durationOf(options.timeout);
    const service = text === undefined ? undefined : `${await session.namespace()}/${serviceName(text)}`;
    const cluster = await readCluster(session);
    const planned = planRenumbering(cluster, entriesFor(cluster, { service, pool }));
    const isDone = options.dryRun === true || !planned.some(({ to }) => to !== undefined);
    if (isDone) return answer(planned, 'Nothing was changed.');
    await confirm(session, planned, options.yes === true);
    return answer(await carryOut(session, planned, timeoutMs), 'Update clients and DNS.');
  },
};

async function confirm({ terminal }: Session, planned: readonly Renumbered[], yes: boolean): Promise<void> {
  if (yes) return;
  terminal.note(tableOf(printable(planned), { colors: plain, wide: false }));
  if (await terminal.confirm('Change these addresses?')) return;
  throw new Failure(exits.usage, 'not confirmed, nothing was changed', 'use --yes to skip the question');
}

/**
 * Renumbers those addresses of a plan that all their Services leave. An address that would stay with one
 * Service is not changed.
 */
async function carryOut(
  session: Session,
  planned: readonly Renumbered[],
  timeoutMs: number,
): Promise<readonly Renumbered[]> {
  const staying = new Set(planned.filter(({ to }) => to === undefined).map(({ from }) => from));
  const moving = planned.filter(({ from }) => !staying.has(from));
  const addresses = [...new Set(moving.map(({ from }) => from))];
  for (const address of addresses) await annotate(session, address, 'true');
  const reach = await session.reach();
  let shown = new Map<string, readonly string[]>();
  await waitFor(session, timeoutMs, async () => {
    shown = new Map();
    for (const { service } of moving) {
      const [namespace = '', name = ''] = service.split('/');
      const raw = await readOne<RawService>(reach, servicePath({ namespace, name }));
      shown.set(service, raw === undefined ? [] : parseService(raw).ingress.flatMap(({ ip = [] }) => ip));
    }
    const late = moving.filter(({ service, from }) => shown.get(service)?.includes(from));
    return late.length === 0 ? undefined : `${late.length} of ${moving.length} Services still have their old address`;
  });
  return planned.map((one) => {
    if (!moving.includes(one))
      return one.why === undefined ? { ...without(one), why: 'a Service that shares it keeps it' } : one;
    const has = shown.get(one.service) ?? [];
    if (has.includes(one.from))
      return { ...without(one), why: 'not changed within the timeout; the controller changes it as soon as it can' };
    const to = has.find((ip) => ip.includes(':') === one.from.includes(':'));
    return to === undefined ? without(one) : { ...one, to };
  });
}

function without({ service, from }: Renumbered): Renumbered {
  return { service, from };
}

async function annotate(session: Session, address: string, value: string): Promise<void> {
  const body = { metadata: { annotations: { [renumberAnnotation]: value } } };
  const request = {
    method: 'PATCH',
    path: entryPath(address),
    body,
    contentType: 'application/merge-patch+json',
  } as const;
  await ask<RawAllocation>(await session.reach(), request, 'patch');
}

const columns: readonly Column<Renumbered>[] = [
  { title: 'SERVICE', cell: ({ service }) => service },
  { title: 'FROM', cell: ({ from }) => from },
  { title: 'TO', cell: ({ to }, { good, warn }) => (to === undefined ? warn('stays') : good(to)) },
  { title: 'WHY', cell: ({ why = '' }) => why },
];

function tableOf(planned: readonly Renumbered[], style: TableStyle): string {
  const hasReasons = planned.some(({ why }) => why !== undefined);
  return renderTable(planned, hasReasons ? columns : columns.slice(0, -1), style);
}

function answer(facts: readonly Renumbered[], end: string): Answer<readonly Renumbered[]> {
  const isFine = facts.every(({ to }) => to !== undefined);
  return { facts, text: (style, shown) => `${tableOf(shown, style)}${end}\n`, exit: isFine ? exits.fine : exits.wrong };
}
