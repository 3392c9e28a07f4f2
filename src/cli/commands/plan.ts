/** `plan -f FILE`: shows the effects of a change of pools and advertisements before it is applied. */

import { readEvaluation } from '../cluster/evaluation.ts';
import type { CommandSpec } from '../command.ts';
import type { Answer } from '../output/answer.ts';
import { exits, misused } from '../output/failure.ts';
import { printable } from '../output/printable.ts';
import { type Column, renderTable } from '../output/table.ts';
import { dryRun, type Manifest, readManifests } from './manifests.ts';
import { type Deleted, type PlanFacts, type PlannedService, planFacts } from './plan-facts.ts';

/** The command. */
export const planCommand: CommandSpec = {
  name: 'plan',
  summary: 'show the effects of a change of pools and advertisements before you apply it',
  description:
    'The API server checks the objects (dry run). Then the tool makes the decisions of controller and speakers over the changed cluster. Nothing is written.\nStatus 1: an object is refused or overlaps another one; or a Service would lose or change its address, or get or keep one that no node can announce, or keep one that is in no pool; or no node could announce addresses of a pool.',
  options: [
    {
      flags: '-f, --filename <file>',
      what: 'a file with IPAddressPools and L2Advertisements, or - for standard input (can be repeated)',
      many: true,
    },
    {
      flags: '--delete <object>',
      what: 'an object that the change deletes: pool/NAME or advertisement/NAME (can be repeated)',
      many: true,
    },
  ],
  examples: [
    ['kubectl berth plan -f pool.yaml', 'the effects of kubectl apply -f pool.yaml'],
    ['kubectl berth plan --delete pool/old -f new.yaml', 'the effects of new.yaml, with the pool old deleted'],
  ],
  run: async (session, { options }) => {
    const files = (options.filename ?? []) as readonly string[];
    const deleted = ((options.delete ?? []) as readonly string[]).map(deletedObject);
    if (files.length + deleted.length === 0) throw misused('nothing to plan', 'give -f FILE, or --delete pool/NAME');
    const { manifests, others } = await readManifests(files);
    refuseBoth(manifests, deleted);
    if (others.length > 0)
      session.terminal.note(
        `note: ignored ${printable(others).join(', ')}: a plan covers pools and advertisements only\n`,
      );
    const evaluation = await readEvaluation(session);
    const reach = await session.reach();
    const checked = [];
    for (const manifest of manifests) checked.push(await dryRun(reach, manifest));
    return planAnswer(planFacts(evaluation, checked, deleted));
  },
};

/** Refuses to plan the change and the deletion of one object: the command line does not say which comes last. */
function refuseBoth(manifests: readonly Manifest[], deleted: readonly Deleted[]): void {
  const names = deleted.map(({ kind, name }) => `${kind} ${name}`);
  const [twice] = names.filter((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) throw misused(`--delete names ${twice} twice`);
  const both = manifests.find(({ kind, metadata }) => names.includes(`${kind} ${metadata.name}`));
  if (both === undefined) return;
  const what = `${both.kind} ${both.metadata.name} is in a file, and --delete names it`;
  throw misused(what, 'leave it out of the files, or leave out --delete');
}

function deletedObject(text: string): Deleted {
  const [, kind, name] = /^(pool|advertisement)\/([a-z0-9.-]+)$/.exec(text) ?? [];
  if (kind === undefined || name === undefined)
    throw misused(`"${text}" does not name an object`, 'write pool/NAME or advertisement/NAME');
  return { kind: kind === 'pool' ? 'IPAddressPool' : 'L2Advertisement', name };
}

const bad: ReadonlySet<string> = new Set(['GainsSilent', 'Moves', 'Loses', 'PoolRemoved', 'Silenced']);

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

function planAnswer(facts: PlanFacts): Answer<PlanFacts> {
  const isChanged = ({ effect, takenOver }: PlannedService) => effect !== 'Keeps' || takenOver.length > 0;
  return {
    facts,
    exit: facts.harm > 0 ? exits.wrong : exits.fine,
    text: (style, { objects, services, pools }) => {
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
      return `${lines.join('')}\n${poolTable}${table}\n${moves}Services without a change: ${kept}. Nothing was written.\n`;
    },
  };
}

function arrow(before: string, after: string): string {
  return before === after ? after : `${before || '-'} -> ${after || '-'}`;
}
