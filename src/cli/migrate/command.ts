/** `migrate`: takes Services over from another implementation, with the same addresses. */
import { writeFile } from 'node:fs/promises';
import { type RawService, takeOverAnnotation } from '../../api/service.ts';
import type { Session } from '../cluster/session.ts';
import type { CommandSpec } from '../command.ts';
import type { Answer } from '../output/answer.ts';
import { exits, type Failure, misused, wrong } from '../output/failure.ts';
import { printable } from '../output/printable.ts';
import { writeYaml } from '../yaml/write.ts';
import { renderFieldReport } from './convert/field-report.ts';
import type { ConvertedService } from './convert/services.ts';
import { type Found, findInCluster, findInFiles, type Place } from './find.ts';
import { sharedNames } from './last-words.ts';
import { checkObjects, withoutExisting } from './objects.ts';
import type { Preview } from './preview.ts';
import type { Obstacle } from './reach.ts';
import { readPrograms } from './read-metallb.ts';
import { type Changes, missingRights } from './rights.ts';
import { rollBack } from './rollback.ts';
import { groupsToTake, obstaclesTo } from './steps.ts';
import { endTakeOvers, type TakenAddress, takeOver } from './take-over.ts';

/** The command. */
export const migrateCommand: CommandSpec = {
  name: 'migrate',
  summary: 'take Services over from MetalLB with the same addresses',
  description:
    "Without --apply it changes nothing. It prints MetalLB's pools and advertisements as Berth's objects to standard output, and a report on every field and every Service's address to standard error.\nWith --apply it creates the objects and takes the Services over, one by one. It first asks for every right that it needs, and stops at the first Service that would not keep its address. You may run it again at any time: it continues where it stopped.\nWith --rollback it starts what it has stopped.\nStatus 1: a Service would not keep its address, no node would announce it, or something was not understood (with -f, also: there is no configuration of MetalLB).",
  args: [{ name: '<from>', what: 'the implementation', choices: ['metallb'] }],
  options: [
    {
      flags: '-f, --filename <path>',
      what: 'read manifests instead of the cluster: a file, a folder, or - for standard input (can be repeated)',
      many: true,
    },
    { flags: '--report <file>', what: 'write the report to this file instead of standard error' },
    { flags: '--apply', what: 'take over the Services of the cluster' },
    { flags: '--rollback', what: "the way back: start MetalLB's speakers and controller again" },
    {
      flags: '--without-node <node>',
      what: 'a node whose speaker of Berth does not answer, which does not keep the take-over from beginning (can be repeated)',
      many: true,
    },
    { flags: '--stop-metallb', what: "with --apply: stop MetalLB's controller first, and its speakers at the end" },
  ],
  examples: [
    ['kubectl berth migrate metallb > berth.yaml', "print Berth's objects and the report; change nothing"],
    ['kubectl berth migrate metallb -f manifests/ --report report.txt', 'the same from files, without a cluster'],
    ['kubectl berth migrate metallb --apply --stop-metallb', 'take all Services over'],
    ['kubectl berth migrate metallb --rollback', 'go back to MetalLB'],
  ],
  run: async (session, given) => {
    const { filename: paths, report, apply, rollback, stopMetallb, withoutNode } = given.options as MigrateOptions;
    if (rollback && (apply || paths)) throw misused('--rollback goes with neither --apply nor --filename');
    if (rollback) return rollBack(session);
    if (apply && paths) throw misused('--apply works on the cluster only: leave out --filename');
    if (stopMetallb && !apply) throw misused('--stop-metallb needs --apply');
    const found = paths ? await findInFiles(paths) : accepting(await findInCluster(session), withoutNode);
    // The objects and Services may contain control characters of untrusted users.
    const rows = printable(found.migration.rows);
    const text = `${renderFieldReport(rows)}${renderPreviews(printable(found.previews), found.note)}${apply ? '' : renderObstacles(found)}`;
    if (report) await writeFile(report, text);
    else session.terminal.note(`${text}\n`);
    if (!apply) return printed(found);
    if (found.place === undefined) throw wrong(found.note);
    return applied(session, { ...found, place: found.place, stop: stopMetallb === true });
  },
};

/** The same, with the nodes whose silence the user accepts. */
function accepting(found: Found, accepted: readonly string[] = []): Found {
  const { place } = found;
  if (place === undefined) return found;
  const names = place.cluster.nodes.map(({ name }) => name);
  const unknown = accepted.find((name) => !names.includes(name));
  if (unknown !== undefined) throw misused(`there is no node ${unknown}`, 'correct --without-node');
  return { ...found, place: { ...place, situation: { ...place.situation, accepted } } };
}

interface MigrateOptions {
  readonly filename?: readonly string[];
  readonly report?: string;
  readonly apply?: boolean;
  readonly rollback?: boolean;
  readonly withoutNode?: readonly string[];
  readonly stopMetallb?: boolean;
}

function printed(found: Found): Answer {
  const { migration, previews } = found;
  const objects = [...migration.pools, ...migration.advertisements];
  const obstacles = obstaclesOf(found, true);
  return {
    facts: { objects, services: previews, obstacles, report: migration.rows },
    text: () => objects.map((object) => `---\n${writeYaml(object)}`).join('') || '# no objects to carry over\n',
    exit: obstacles.length > 0 || migration.rows.some(({ fate }) => fate === 'Unread') ? exits.wrong : exits.fine,
  };
}

function obstaclesOf({ previews, place }: Found, stop: boolean): readonly Obstacle[] {
  return place === undefined ? [] : obstaclesTo(previews, { ...place.situation, stop });
}

interface TakeOverOrder extends Found {
  readonly place: Place;
  readonly stop: boolean;
}

interface AppliedFacts {
  readonly services: readonly Preview[];
  readonly addresses: readonly TakenAddress[];
  readonly report: Found['migration']['rows'];
}

async function applied(session: Session, order: TakeOverOrder): Promise<Answer<AppliedFacts>> {
  const { migration, previews, place, stop } = order;
  const obstacles = obstaclesOf(order, stop);
  if (obstacles.length > 0) throw blocked(session, obstacles);
  const groups = groupsToTake(migration, previews);
  const { ownership } = place.cluster.installation.settings;
  const programs = stop ? place.programs : [];
  const left = markedAmong(migration.services, groups);
  const made = withoutExisting(migration, place.cluster);
  await checkBefore(session, {
    ...made,
    programs,
    services: [...groups.flat().map(({ service }) => service), ...left],
  });
  const taken = await takeOver({ session, migration: made, groups, programs, ownership });
  await endTakeOvers(left, await session.reach());
  const silent = taken.filter(({ holder }) => holder === undefined);
  const restarted = stop ? (await readPrograms(await session.reach())).filter(({ wanted }) => wanted > 0) : [];
  for (const { kind, namespace, name } of restarted) {
    const why =
      'another program restores it (an operator, Argo CD, Flux): stop it there, or it also gives out and announces addresses';
    session.terminal.note(`${kind} ${namespace}/${name} runs again: ${why}\n`);
  }
  return {
    facts: { services: previews, addresses: taken, report: migration.rows },
    text: (_, { addresses }) =>
      `${addresses.map(lineOf).join('')}${taken.length - silent.length} of ${taken.length} addresses taken over and announced\n${sharedNames}`,
    exit: silent.length + restarted.length > 0 ? exits.wrong : exits.fine,
  };
}

/** Services that still have the annotation of an interrupted take-over, and are not taken over now. */
function markedAmong(
  services: readonly ConvertedService[],
  groups: readonly (readonly ConvertedService[])[],
): readonly RawService[] {
  const taken = new Set(groups.flat().map(({ service }) => service));
  const others = services.map(({ service }) => service).filter((one) => !taken.has(one));
  return others.filter(({ metadata }) => metadata.annotations?.[takeOverAnnotation] !== undefined);
}

/** Asks for all rights, and has all objects checked. Throws a Failure before anything is changed. */
async function checkBefore(session: Session, changes: Changes): Promise<void> {
  const reach = await session.reach();
  const missing = await missingRights(changes, reach);
  if (missing.length > 0) throw blocked(session, missing);
  await checkObjects(changes, reach);
}

function lineOf({ service, address, holder, message }: TakenAddress): string {
  return `${address}   ${service}   ${holder === undefined ? message : `announced by ${holder}`}\n`;
}

function renderPreviews(previews: readonly Preview[], note: string): string {
  const lines = previews.map(
    ({ service, fate, addresses, message }) =>
      `  ${service} (${addresses.join(', ') || 'no address'}): ${fateText[fate]}: ${message}`,
  );
  const services = previews.length === 0 ? '' : `\nServices (${previews.length})\n${lines.join('\n')}\n`;
  return `${services}${note === '' ? '' : `\nThe Services were not checked: ${note}\n`}`;
}

function renderObstacles(found: Found): string {
  const obstacles = printable(obstaclesOf(found, true)).map(obstacleText);
  return obstacles.length === 0 ? '' : `\nObstacles to --apply\n${obstacles.join('\n')}\n`;
}

/** Prints the obstacles, and makes the Failure. */
function blocked({ terminal }: Session, obstacles: readonly Obstacle[]): Failure {
  terminal.note(`nothing was changed:\n${printable(obstacles).map(obstacleText).join('\n')}\n`);
  return wrong(`obstacles to the take-over: ${obstacles.length}`);
}

function obstacleText({ what, todo }: Obstacle): string {
  return `  ${what}\n    -> ${todo}`;
}

const fateText: Readonly<Record<Preview['fate'], string>> = {
  Keeps: 'keeps its address',
  Changes: 'WOULD NOT KEEP ITS ADDRESS',
  Berth: 'is already served by Berth',
  Pending: 'has no address yet',
  NotOurs: 'is not changed',
};
