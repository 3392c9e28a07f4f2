/** Compares the documents with the code. */
import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { test } from 'node:test';
import { ineligibleReasons } from '../src/announce/node-eligibility.ts';
import { silenceReasons } from '../src/announce/placements.ts';
import { announcedReasons, conflictReasons } from '../src/announce/reports.ts';
import { verifiedReasons } from '../src/announce/verification-results.ts';
import { handOffReasons } from '../src/api/hand-off.ts';
import { commands } from '../src/cli/commands.ts';
import { checkIds } from '../src/cli/doctor/checks.ts';
import { reasonsWithRemedy, toolReasons } from '../src/cli/output/reason-text.ts';
import { spreadReasons } from '../src/dataplane/plan/spread-report.ts';
import { allocationReasons, poolVerdicts } from '../src/ipam/reasons.ts';
import { nftReasons } from '../src/linux/nft.ts';
import { counterNames } from '../src/linux/worker/responder-memory.ts';
import { rows } from './cluster/promises/table.ts';

/** The first column of the tables below a heading of a document. */
function firstColumn(text: string, heading: string): readonly string[] {
  const section = text.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? '';
  return [...section.matchAll(/^\| `(\w+)` \|/gm)].map((match) => match[1] ?? '');
}

/** The text without code, because a pattern in code may look like a link. */
function withoutCode(text: string): string {
  return text.replace(/^ *```.*?^ *```/gms, '').replace(/`[^`\n]*`/g, '');
}

test('docs/reasons.md lists exactly the reasons of the code', () => {
  const text = readFileSync('docs/reasons.md', 'utf8');
  const sorted = (words: readonly string[]) => [...words].sort();
  assert.deepEqual(sorted(firstColumn(text, 'Allocation')), sorted(allocationReasons));
  assert.deepEqual(sorted(firstColumn(text, 'Verdicts on pools')), sorted(poolVerdicts));
  assert.deepEqual(sorted(firstColumn(text, 'Verdicts on nodes')), sorted(ineligibleReasons));
  assert.deepEqual(sorted(firstColumn(text, 'Reasons of the command line tool alone')), sorted(toolReasons));
  assert.deepEqual(sorted(firstColumn(text, 'Announcement')), sorted([...announcedReasons, ...silenceReasons]));
  assert.deepEqual(sorted(firstColumn(text, 'Conflicts')), sorted(conflictReasons));
  assert.deepEqual(sorted(firstColumn(text, 'Verification')), sorted(verifiedReasons));
  assert.deepEqual(sorted(firstColumn(text, 'Spread')), sorted(spreadReasons));
  assert.deepEqual(sorted(firstColumn(text, 'Hand-off')), sorted(handOffReasons));
  assert.deepEqual(sorted(firstColumn(text, 'Rules of the node')), sorted(nftReasons));
  assert.deepEqual(sorted(firstColumn(text, 'Frames')), sorted(counterNames));
});

test('docs/troubleshooting.md contains every reason, and lists exactly the findings of the doctor', () => {
  const text = readFileSync('docs/troubleshooting.md', 'utf8');
  const reasons = [
    ...[allocationReasons, poolVerdicts, announcedReasons, silenceReasons, conflictReasons, verifiedReasons],
    ...[spreadReasons, handOffReasons, nftReasons],
  ].flat();
  for (const reason of reasons) assert.ok(text.includes(`\`${reason}\``), reason);
  const section = text.split(/^## /m).find((part) => part.startsWith('What the doctor finds')) ?? '';
  const told = [...section.matchAll(/^\| (`\w+`(?:, `\w+`)*) \|/gm)].flatMap(([, ids = '']) => ids.match(/\w+/g) ?? []);
  assert.deepEqual([...told].sort(), [...checkIds].sort());
});

test('docs/services.md lists exactly the promises that are tested', () => {
  const told = [...readFileSync('docs/services.md', 'utf8').matchAll(/^\| (.+) \| .+ \| `([\w -]+)` \|$/gm)];
  const tested = rows.map(({ name, promise }) => [promise, name]);
  assert.deepEqual(
    told.map(([, promise, name]) => [promise, name]),
    tested,
  );
  // The names become names of objects in one cluster, so they must differ in lower case too.
  assert.equal(new Set(rows.map(({ name }) => name.toLowerCase())).size, rows.length);
});

test('docs/cli.md has every command with its options and examples, in the order of --help', () => {
  const text = readFileSync('docs/cli.md', 'utf8');
  const sections = text.split(/^## /m).map((part) => [part.split('\n')[0] ?? '', part] as const);
  const told = sections.map(([title]) => title).filter((title) => commands.some(({ name }) => name === title));
  assert.deepEqual(
    told,
    commands.map(({ name }) => name),
  );
  for (const { name, options = [], examples } of commands) {
    const section = sections.find(([title]) => title === name)?.[1] ?? '';
    for (const [line] of examples) assert.ok(section.includes(`\n${line}\n`), `${name}: ${line}`);
    for (const { flags } of options) {
      for (const [flag] of flags.matchAll(/--?[\w-]+/g)) assert.ok(section.includes(flag), `${name}: ${flag}`);
    }
  }
});

test('exactly the reasons that the tool may report as a problem have a remedy', () => {
  const fine = [
    'Allocated',
    'Announced',
    'Verified',
    'NotProbed',
    'NoSecondNode',
    'VerifierSilent',
    'Spread',
    'ProxyArp',
    'Reserved',
  ];
  const passing = [
    'NotHolder',
    'AwaitingClaim',
    'Listening',
    'ConfirmingHolderDown',
    'ProbingFirst',
    'DataPathPending',
  ];
  const all = [
    ...[...allocationReasons, ...announcedReasons, ...silenceReasons, ...conflictReasons, ...verifiedReasons],
    ...[...handOffReasons, ...spreadReasons, ...nftReasons],
  ];
  const bad = new Set([...all, ...toolReasons].filter((reason) => ![...fine, ...passing].includes(reason)));
  assert.deepEqual([...reasonsWithRemedy].sort(), [...bad].sort());
});

test('every link between the documents has a target that exists', () => {
  for (const file of ['*.md', 'docs/**/*.md', 'charts/**/*.md', 'examples/*.md'].flatMap((pattern) =>
    globSync(pattern),
  )) {
    const text = withoutCode(readFileSync(file, 'utf8'));
    for (const [, target = ''] of text.matchAll(/\]\((?!https?:|#)([^)#]+)[^)]*\)/g)) {
      assert.ok(existsSync(join(dirname(file), target)), `${file} links to ${target}`);
    }
  }
});

test('docs/README.md links to every page', () => {
  const index = readFileSync('docs/README.md', 'utf8');
  const linked = new Set([...index.matchAll(/\]\(([^)#]+)[^)]*\)/g)].map(([, target = '']) => join('docs', target)));
  const pages = ['docs/*.md', 'docs/adr/README.md', 'examples/README.md'].flatMap((pattern) => globSync(pattern));
  const missing = pages.filter((page) => page !== 'docs/README.md' && !linked.has(page));
  assert.deepEqual(missing, []);
});

test('docs/adr/README.md lists every decision with its status', () => {
  const index = readFileSync('docs/adr/README.md', 'utf8');
  const told = [...index.matchAll(/^\| \[(\d+)\]\(([\w-]+\.md)\) \| .+ \| (.+) \|$/gm)];
  const files = globSync('docs/adr/0*.md').sort();
  const written = files.map((file) => {
    const [, number, state] = /^# (\d+)\. .+\n\nStatus: (.+)\n/.exec(readFileSync(file, 'utf8')) ?? assert.fail(file);
    return [number, basename(file), state];
  });
  assert.deepEqual(
    told.map(([, ...row]) => row),
    written,
  );
  for (const [number, file = '', state = ''] of written) {
    assert.equal(Number(number), Number.parseInt(file, 10), file);
    const [, other] = /^superseded by (\d+)$/.exec(state) ?? [];
    assert.ok(state === 'accepted' || written.some(([one]) => one === other), `${file} is ${state}`);
  }
});

test('the tour of CONTRIBUTING.md names files that exist, and names that these files contain', () => {
  const [, tour = ''] = readFileSync('CONTRIBUTING.md', 'utf8').split(/^## A tour$/m);
  const named = [...tour.matchAll(/`((?:src|test|crds|charts|docs|scripts)\/[\w./-]+)`/g)].map(([, file = '']) => file);
  assert.ok(named.length > 60);
  for (const file of named) assert.ok(existsSync(file), file);
  const inside = [...tour.matchAll(/`(\w+)(?:\(\))?` of\s+`([\w./-]+)`/g)];
  assert.ok(inside.length >= 7);
  for (const [, name = '', file = ''] of inside) {
    assert.match(readFileSync(file, 'utf8'), new RegExp(`\\b${name}\\b`), `${file} has no ${name}`);
  }
});

test('kubectl gets the full names of kinds that MetalLB has too', () => {
  // These say what happens without the full name.
  const warnings = ['docs/migrate.md', 'src/cli/migrate/last-words.ts', 'src/cli/doctor/implementation-checks.ts'];
  const files = globSync(['README.md', 'docs/**/*.md', 'examples/**', 'charts/berth/templates/*', 'src/**/*.ts']);
  const texts = files.filter((file) => /\.\w+$/.test(file) && !warnings.includes(file));
  assert.ok(texts.length > 100);
  for (const file of texts) {
    const short = /kubectl[^\n`"]*\b(ipaddresspool|l2advertisement)s?\b(?!\.)[^\n]*/i.exec(readFileSync(file, 'utf8'));
    assert.equal(short?.[0], undefined, file);
  }
});
