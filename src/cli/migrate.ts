/** `migrate`: from another implementation to Berth, with the same addresses. */
import { writeFile } from 'node:fs/promises';
import { stringify } from 'yaml';
import type { RawService } from '../api/service.ts';
import type { Answer } from './answer.ts';
import { type Cluster, readCluster } from './cluster.ts';
import type { CommandSpec } from './command.ts';
import { exits, Failure, misused, wrong } from './failure.ts';
import type { Manifest } from './migrate/manifest.ts';
import { convertMetalLb, type Migration } from './migrate/metallb.ts';
import { renderParity } from './migrate/parity.ts';
import { type Preview, previewTakeOver } from './migrate/preview.ts';
import { readFiles, readObjects, readPrograms, readServices } from './migrate/read-metallb.ts';
import { groupsToTake, obstaclesTo } from './migrate/steps.ts';
import { type TakenAddress, takeOver } from './migrate/take-over.ts';
import type { Session } from './session.ts';

/** The command. */
export const migrateCommand: CommandSpec = {
  name: 'migrate',
  summary: 'take Services over from MetalLB with the same addresses',
  description:
    "Without --apply it changes nothing: it prints MetalLB's pools and advertisements as Berth's objects, and to standard error what becomes of every field and of every Service's address.\nWith --apply it makes the objects and takes the Services over, one by one. It stops at the first that would not keep its address.\nStatus 1: a Service would not keep its address, or nobody announces one.",
  args: [{ name: '<from>', what: 'the implementation', choices: ['metallb'] }],
  options: [
    {
      flags: '-f, --filename <path>',
      what: 'read manifests instead of the cluster: a file or a folder (repeat it for more)',
      many: true,
    },
    { flags: '--report <file>', what: 'write the report on every field there instead of standard error' },
    { flags: '--apply', what: 'take the Services of the cluster over' },
    { flags: '--stop-metallb', what: "with --apply: stop MetalLB's controller first, and its speakers at the end" },
  ],
  examples: [
    ['kubectl berth migrate metallb > berth.yaml', 'see what would become of everything'],
    ['kubectl berth migrate metallb -f manifests/ --report report.txt', 'the same from files, without a cluster'],
    ['kubectl berth migrate metallb --apply --stop-metallb', 'take everything over'],
  ],
  run: async (session, given) => {
    const { filename: paths, report, apply, stopMetallb } = given.options as MigrateOptions;
    if (apply && paths) throw misused('--apply takes over what is in the cluster: it goes without --filename');
    if (stopMetallb && !apply) throw misused('--stop-metallb is a part of --apply');
    const found = paths ? await fromFiles(paths) : await fromCluster(session);
    const text = `${renderParity(found.migration.rows)}${renderPreviews(found.previews)}`;
    if (report) await writeFile(report, text);
    else session.terminal.note(`${text}\n`);
    return apply && found.cluster
      ? applied(session, { ...found, cluster: found.cluster, stop: stopMetallb === true })
      : printed(found);
  },
};

interface MigrateOptions {
  readonly filename?: readonly string[];
  readonly report?: string;
  readonly apply?: boolean;
  readonly stopMetallb?: boolean;
}

interface Found {
  readonly migration: Migration;
  readonly previews: readonly Preview[];
  /** undefined: it was not looked at. */
  readonly cluster: Cluster | undefined;
}

async function fromFiles(paths: readonly string[]): Promise<Found> {
  const all = await readFiles(paths);
  const services = all.filter(({ apiVersion, kind }) => apiVersion === 'v1' && kind === 'Service').map(asService);
  const migration = convertMetalLb({ objects: all, services, classes: ['berth.dev/berth'] });
  return { migration, previews: [], cluster: undefined };
}

/** In files a Service has no uid, and its namespace may come from the one who applies it. */
function asService({ metadata, spec = {} }: Manifest): RawService {
  return { metadata: { namespace: 'default', uid: '', resourceVersion: '', ...metadata }, spec };
}

async function fromCluster(session: Session): Promise<Found> {
  const reach = await session.reach();
  const objects = await readObjects(reach);
  if (objects === undefined) {
    throw new Failure(
      exits.wrong,
      'the cluster has no objects of MetalLB (metallb.io)',
      'give its manifests with --filename',
    );
  }
  const [cluster, services] = await Promise.all([readCluster(session), readServices(reach)]);
  const { ownership } = cluster.installation.settings;
  const migration = convertMetalLb({ objects, services, classes: ownership.classes });
  return { migration, previews: previewTakeOver(migration, { ...cluster, ownership }), cluster };
}

function printed({ migration, previews }: Found): Answer {
  const objects = [...migration.pools, ...migration.advertisements];
  const changes = previews.filter(({ fate }) => fate === 'Changes');
  return {
    facts: { objects, services: previews, report: migration.rows },
    text: () =>
      objects.map((object) => `---\n${stringify(object, { lineWidth: 0 })}`).join('') || '# nothing to be carried\n',
    exit: changes.length > 0 ? exits.wrong : exits.fine,
  };
}

async function applied(
  session: Session,
  { migration, previews, cluster, stop }: Found & { readonly cluster: Cluster; readonly stop: boolean },
): Promise<Answer> {
  const programs = await readPrograms(await session.reach());
  const obstacles = obstaclesTo(previews, { programs, stop });
  if (obstacles.length > 0) {
    const lines = obstacles.map(({ what, todo }) => `  ${what}\n    -> ${todo}`);
    throw wrong(`nothing was changed:\n${lines.join('\n')}`);
  }
  const groups = groupsToTake(migration, previews);
  const { ownership } = cluster.installation.settings;
  const taken = await takeOver({ session, migration, groups, programs: stop ? programs : [], ownership });
  const silent = taken.filter(({ holder }) => holder === undefined);
  return {
    facts: { services: previews, addresses: taken, report: migration.rows },
    text: () =>
      `${taken.map(lineOf).join('')}${taken.length - silent.length} of ${taken.length} addresses taken over and announced\n`,
    exit: silent.length > 0 ? exits.wrong : exits.fine,
  };
}

function lineOf({ service, address, holder, message }: TakenAddress): string {
  return `${address}   ${service}   ${holder === undefined ? message : `announced by ${holder}`}\n`;
}

function renderPreviews(previews: readonly Preview[]): string {
  if (previews.length === 0) return '';
  const lines = previews.map(
    ({ service, fate, addresses, message }) =>
      `  ${service} (${addresses.join(', ') || 'no address'}): ${fateText[fate]}: ${message}`,
  );
  return `\nServices (${previews.length})\n${lines.join('\n')}\n`;
}

const fateText: Readonly<Record<Preview['fate'], string>> = {
  Keeps: 'keeps its address',
  Changes: 'WOULD NOT KEEP ITS ADDRESS',
  Berth: "is Berth's already",
  Pending: 'has no address yet',
  NotOurs: 'is left alone',
};
