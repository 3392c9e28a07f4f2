/** `plan -f FILE`: what applying pools and advertisements would do, before it is done. */

import { readEvaluation } from '../cluster/evaluation.ts';
import type { CommandSpec } from '../command.ts';
import type { Answer } from '../output/answer.ts';
import { exits, misused } from '../output/failure.ts';
import { type Column, renderTable } from '../output/table.ts';
import { dryRun, readManifests } from './manifests.ts';
import { type Deleted, type PlanFacts, type PlannedService, planFacts } from './plan-facts.ts';

/** The command. */
export const planCommand: CommandSpec = {
  name: 'plan',
  summary: 'what applying pools and advertisements would do, before it is done',
  description:
    'The API server checks the objects (dry run), and the decisions of controller and speakers are made over the cluster as it would be. Nothing is written.\nStatus 1: an object is refused or overlaps another, or a Service would lose, change or keep an address that nobody gives or announces any more.',
  options: [
    {
      flags: '-f, --filename <file>',
      what: 'file with IPAddressPools and L2Advertisements, - for standard input (repeat it for more)',
      many: true,
    },
    {
      flags: '--delete <object>',
      what: 'pool/NAME or advertisement/NAME that would be deleted (repeat it for more)',
      many: true,
    },
  ],
  examples: [
    ['kubectl berth plan -f pool.yaml', 'what would kubectl apply -f pool.yaml do?'],
    ['kubectl berth plan --delete pool/old -f new.yaml', 'and if the pool old were deleted with it?'],
  ],
  run: async (session, { options }) => {
    const files = (options.filename ?? []) as readonly string[];
    const deleted = ((options.delete ?? []) as readonly string[]).map(deletedObject);
    if (files.length + deleted.length === 0) throw misused('nothing to plan', 'give -f FILE, or --delete pool/NAME');
    const { manifests, others } = await readManifests(files);
    if (others.length > 0)
      session.terminal.note(`note: ${others.join(', ')}: left out, only pools and advertisements are planned\n`);
    const evaluation = await readEvaluation(session);
    const reach = await session.reach();
    const checked = [];
    for (const manifest of manifests) checked.push(await dryRun(reach, manifest));
    return planAnswer(planFacts(evaluation, checked, deleted));
  },
};

function deletedObject(text: string): Deleted {
  const [, kind, name] = /^(pool|advertisement)\/([a-z0-9.-]+)$/.exec(text) ?? [];
  if (kind === undefined || name === undefined)
    throw misused(`"${text}" is no object`, 'write pool/NAME or advertisement/NAME');
  return { kind: kind === 'pool' ? 'IPAddressPool' : 'L2Advertisement', name };
}

const bad: ReadonlySet<string> = new Set(['Moves', 'Loses', 'PoolRemoved', 'Silenced']);

const columns: readonly Column<PlannedService>[] = [
  { title: 'SERVICE', cell: ({ service }) => service },
  {
    title: 'EFFECT',
    cell: ({ effect }, colors) =>
      bad.has(effect) ? colors.bad(effect) : effect === 'Keeps' ? effect : colors.good(effect),
  },
  { title: 'NOW', cell: ({ before }) => before.join(', ') },
  { title: 'THEN', cell: ({ after }) => after.join(', ') },
  { title: 'WHY', cell: ({ reason, message }) => `${reason}: ${message}` },
];

function planAnswer(facts: PlanFacts): Answer {
  const { objects, services, pools, harm } = facts;
  const isChanged = ({ effect, takenOver }: PlannedService) => effect !== 'Keeps' || takenOver.length > 0;
  return {
    facts,
    exit: harm > 0 ? exits.wrong : exits.fine,
    text: (style) => {
      const { colors } = style;
      const lines = objects.map(({ kind, name, change, problems }) => {
        const faults = problems.map((problem) => `\n  ${colors.bad(problem)}`).join('');
        return `${kind} ${name}: ${change}${faults}\n`;
      });
      const poolTable = renderTable(
        pools,
        [
          { title: 'POOL', cell: ({ name }) => name },
          { title: 'USED', cell: ({ usedBefore, usedAfter }) => arrow(usedBefore, usedAfter) },
          { title: 'FREE', cell: ({ freeBefore, freeAfter }) => arrow(freeBefore, freeAfter) },
        ],
        { ...style, empty: 'no IPAddressPool' },
      );
      const shown = style.wide ? services : services.filter(isChanged);
      const table = shown.length === 0 ? '' : `\n${renderTable(shown, columns, style)}`;
      const kept = services.filter((one) => !isChanged(one)).length;
      const taken = services.flatMap(({ takenOver }) => takenOver);
      const moves = taken.length === 0 ? '' : `${taken.join(', ')}: another node would take over\n`;
      return `${lines.join('')}\n${poolTable}${table}\n${moves}${kept} Services keep what they have. Nothing was written.\n`;
    },
  };
}

function arrow(before: string, after: string): string {
  return before === after ? after : `${before || '-'} -> ${after || '-'}`;
}
