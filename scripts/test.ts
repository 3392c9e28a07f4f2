/** Runs the tests: `npm test` runs all of them, `npm test -- unit net` only those suites; see CONTRIBUTING.md. */
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

/** What each suite runs. `cluster` brings a real cluster up first; `check` is types, lint and format. */
const suites: Readonly<Record<string, readonly string[]>> = {
  check: [],
  unit: ['test/*.test.ts', 'test/unit/**/*.test.ts', 'test/sim/**/*.test.ts'],
  net: ['test/net/**/*.test.ts'],
  cluster: ['test/cluster/**/*.test.ts'],
};

/** Prints what the runner's own reporter does, and more. */
const reporter = new URL('../test/reporter.ts', import.meta.url).pathname;

const { positionals } = parseArgs({ allowPositionals: true });
const unknown = positionals.filter((name) => !(name in suites));
if (unknown.length > 0) {
  console.error(`no suite ${unknown.join(', ')}: there are ${Object.keys(suites).join(', ')}`);
  process.exit(2);
}
const chosen = positionals.length > 0 ? positionals : Object.keys(suites);

if (chosen.includes('check')) {
  run('node_modules/.bin/tsc', []);
  run('node_modules/.bin/biome', ['check', '--error-on-warnings']);
}
const files = chosen.flatMap((name) => suites[name] ?? []);
if (files.length > 0) {
  const lab = chosen.includes('cluster') ? ['--test-global-setup=test/lab/global-setup.ts'] : [];
  // One file at a time: they share the cluster and two cores.
  const options = ['--test-concurrency=1', '--test-timeout=600000', `--test-reporter=${reporter}`];
  run(process.execPath, ['--test', ...options, ...lab, ...files]);
}

/** Ends the whole run with the command's own status when it fails. */
function run(command: string, args: readonly string[]): void {
  const { status, signal } = spawnSync(command, args, {
    stdio: 'inherit',
    cwd: new URL('..', import.meta.url).pathname,
  });
  if (status !== 0) process.exit(status ?? (signal ? 1 : 0));
}
