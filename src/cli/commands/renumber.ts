/** `renumber`: gives Services whose pool is on its way out, or gone, another address. */
import { type RawAllocation, renumberAnnotation } from '../../api/allocation.ts';
import { parseService, type RawService } from '../../api/service.ts';
import { servicePath } from '../../kube/resources.ts';
import { readCluster } from '../cluster/cluster.ts';
import { ask, readOne } from '../cluster/read.ts';
import type { Session } from '../cluster/session.ts';
import type { CommandSpec } from '../command.ts';
import { serviceName } from '../explain/command.ts';
import type { Answer } from '../output/answer.ts';
import { exits, Failure, misused } from '../output/failure.ts';
import { type Column, renderTable, type TableStyle } from '../output/table.ts';
import { durationOf, waitFor } from '../output/wait-for.ts';
import { entryPath } from './node-drain.ts';
import { entriesFor, planRenumbering, type Renumbered } from './renumber-plan.ts';

/** The command. */
export const renumberCommand: CommandSpec = {
  name: 'renumber',
  summary: 'give Services whose pool is draining or gone another address',
  description:
    'Shows who would get which address, asks, annotates the IPAllocations with berth.dev/renumber, and waits until the Services show the new ones. The controller gives a new address before it takes the old one. An address of a pool that goes on is never taken; clients of the old addresses, and DNS, have to follow.\nStatus 1: an address stays as it is.',
  args: [{ name: '[service]', what: 'svc/NAME, or NAME', completes: 'service' }],
  options: [
    { flags: '--pool <pool>', what: 'all Services with an address of this pool' },
    { flags: '--dry-run', what: 'show, and change nothing' },
    { flags: '-y, --yes', what: 'do not ask' },
    { flags: '--timeout <time>', what: 'how long to wait', byDefault: '1m' },
  ],
  examples: [
    ['kubectl berth renumber --pool old --dry-run', 'who would get what, if the pool old were emptied?'],
    ['kubectl berth renumber svc/web -n shop --yes', 'give web another address now'],
  ],
  run: async (session, { args: [text], options }) => {
    const pool = options.pool as string | undefined;
    if ((text === undefined) === (pool === undefined)) throw misused('renumber what?', 'give svc/NAME, or --pool POOL');
    const timeoutMs = durationOf(options.timeout);
    const service = text === undefined ? undefined : `${await session.namespace()}/${serviceName(text)}`;
    const cluster = await readCluster(session);
    const planned = planRenumbering(cluster, entriesFor(cluster, { service, pool }));
    const isDone = options.dryRun === true || !planned.some(({ to }) => to !== undefined);
    if (isDone) return answer(planned, 'Nothing was changed.');
    await confirm(session, planned, options.yes === true);
    return answer(await carryOut(session, planned, timeoutMs), 'Clients and DNS have to follow.');
  },
};

async function confirm({ terminal }: Session, planned: readonly Renumbered[], yes: boolean): Promise<void> {
  if (yes) return;
  terminal.note(tableOf(planned, { colors: terminal.colors, wide: false }));
  if (await terminal.confirm('Give these Services other addresses?')) return;
  throw new Failure(exits.usage, 'nothing was changed', '--yes does not ask');
}

/** Addresses of a plan that all who share them leave: one that would stay with somebody is left alone. */
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
    return late.length === 0 ? undefined : `${late.length} of ${moving.length} have their old address still`;
  });
  return planned.map((one) => {
    if (!moving.includes(one))
      return one.why === undefined ? { ...without(one), why: 'one that shares it stays' } : one;
    const has = shown.get(one.service) ?? [];
    if (has.includes(one.from))
      return { ...without(one), why: 'not within the timeout: the controller does it when it can' };
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

function answer(facts: readonly Renumbered[], end: string): Answer {
  const isFine = facts.every(({ to }) => to !== undefined);
  return { facts, text: (style) => `${tableOf(facts, style)}${end}\n`, exit: isFine ? exits.fine : exits.wrong };
}
