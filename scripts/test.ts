/**
 * Runs the tests: `npm test` after a change, `npm run test:quick` for a fast result, `npm run test:all` for
 * everything.
 */
import { spawnSync } from 'node:child_process';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { cacheFolder } from '../test/lab/cache.ts';
import { seedOfRun, seedVariable } from '../test/runner/seed.ts';
import { runStage } from '../test/runner/stage.ts';
import { filesOf, type RareCommand, rare, suites } from '../test/runner/suites.ts';
import { type Ended, printSummary } from '../test/runner/summary.ts';
import { keepTimes, longestFirst, readTimes } from '../test/runner/times.ts';

const usage = `npm test -- [SUITE...]

Runs the named suites, or all suites: check (types, lint, format), ${Object.keys(suites).join(', ')}.

  npm run test:quick   check, unit, sim and control
  npm test             all suites
  npm run test:all     all suites with their rare and slow parts, long random runs, faults of the
                       control plane, mutations, Kubernetes' own tests, the guest

${seedVariable}=N repeats the random tests of a run; the first line of its output has the seed.`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: 'boolean' }, all: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
});
if (values.help) {
  console.log(usage);
  process.exit(0);
}
const unknown = positionals.filter((name) => name !== 'check' && !(name in suites));
if (unknown.length > 0) {
  console.error(`no such suite: ${unknown.join(', ')}; the suites are check, ${Object.keys(suites).join(', ')}`);
  process.exit(2);
}

process.chdir(new URL('..', import.meta.url).pathname);
const begin = performance.now();
const seed = seedOfRun();
process.env[seedVariable] = String(seed);
// Every test file is a process of its own, and most of them load the same modules. The cache compiles a module once.
process.env.NODE_COMPILE_CACHE ??= join(cacheFolder(), 'compiled');
if (values.all) process.env.BERTH_TESTS = 'all';
console.log(`seed ${seed}: ${seedVariable}=${seed} repeats this run's random tests`);

const isChosen = (name: string) => positionals.length === 0 || positionals.includes(name);
if (isChosen('check')) check();
const ended: Ended[] = [];
for (const [name, suite] of Object.entries(suites)) {
  const files = longestFirst(filesOf(suite), readTimes());
  if (!isChosen(name) || (values.quick && !suite.isQuick) || files.length === 0) continue;
  const startedAt = performance.now();
  console.log(`\n${name}: ${files.length} files, ${suite.lanes} at a time\n`);
  const result = await runStage({ ...suite, files });
  ended.push({ ...result, name, took: performance.now() - startedAt });
  keepTimes(Object.fromEntries([...result.durations].map(([file, ms]) => [relative('.', file), ms])));
}
const failedCommands = values.all ? runRare() : [];
if (ended.length > 0) await printSummary(ended, performance.now() - begin);
for (const command of failedCommands) console.error(`failed: ${command}`);
const failures = ended.reduce((sum, { counts }) => sum + counts.failed + counts.cancelled, failedCommands.length);
process.exit(failures > 0 ? 1 : 0);

/** Checks types, lint and format. An error ends the run, because the results of the tests would mean nothing. */
function check(): void {
  for (const argv of [['node_modules/.bin/tsc'], ['node_modules/.bin/biome', 'check', '--error-on-warnings']]) {
    const status = runCommand({ argv });
    if (status !== 0) process.exit(status);
  }
}

/** Runs the rare and slow commands, one after the other. Returns the names of those that failed. */
function runRare(): readonly string[] {
  return rare
    .filter((command) => {
      console.log(`\n${command.name}\n`);
      return runCommand(command) !== 0;
    })
    .map(({ name }) => name);
}

/** Runs a command to its end. Returns its exit code. */
function runCommand({ argv: [program = '', ...args], env }: Pick<RareCommand, 'argv' | 'env'>): number {
  const { status, signal } = spawnSync(program, args, { stdio: 'inherit', env: { ...process.env, ...env } });
  return status ?? (signal ? 1 : 0);
}
