/** The import table: which folder may import which. Every limit is a design decision, so each row gives its reason. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';
import { exportsOfSource } from './exports.ts';
import { testOnlyExports } from './test-only-exports.ts';

interface Row {
  readonly folders: readonly string[];
  /** Modules from outside of src. Names of Node's own modules include `node:`. */
  readonly modules: readonly string[];
  readonly why: string;
}

/** What each folder of src may import besides itself. */
const table: Readonly<Record<string, Row>> = {
  addr: { folders: [], modules: ['ip-address'], why: 'addresses are values' },
  memo: { folders: [], modules: [], why: 'values that are the same object while their inputs are the same' },
  hash: { folders: ['addr'], modules: [], why: 'speakers of two versions must find the same order' },
  wire: { folders: ['addr'], modules: [], why: 'bytes to packets and back, testable without a socket' },
  api: { folders: ['addr'], modules: [], why: 'cluster objects parsed once into views' },
  ipam: { folders: ['addr', 'api', 'memo'], modules: [], why: 'a decision, testable without a cluster' },
  liveness: {
    folders: [],
    modules: [],
    why: 'the messages between speakers, and what follows from them; testable without a clock',
  },
  neighbor: { folders: ['addr', 'wire'], modules: [], why: 'frame in, frame out: knows no cluster, no speaker' },
  election: {
    folders: ['addr', 'hash', 'liveness'],
    modules: [],
    why: 'a decision, testable without a clock and without objects',
  },
  announce: {
    folders: ['addr', 'api', 'election', 'hash', 'liveness', 'memo'],
    modules: [],
    why: 'a decision, testable without a link',
  },
  dataplane: {
    folders: ['addr', 'api', 'memo'],
    modules: [],
    why: 'the text of rules, testable without a kernel',
  },
  runtime: {
    folders: [],
    modules: [
      'pino',
      'prom-client',
      'node:crypto',
      'node:dgram',
      'node:fs/promises',
      'node:http',
      'node:net',
      'node:timers/promises',
      'node:v8',
    ],
    why: 'knows nothing of load balancing',
  },
  kube: {
    folders: ['addr', 'api', 'runtime'],
    modules: [
      '@kubernetes/client-node/dist/config.js',
      '@kubernetes/client-node/dist/web-socket-handler.js',
      'node:fs',
      'node:fs/promises',
      'node:http',
      'node:https',
      'node:net',
      'node:os',
      'node:path',
      'node:tls',
      'node:util',
    ],
    why: 'the only place that talks to the API server',
  },
  linux: {
    folders: ['addr', 'wire', 'neighbor'],
    modules: [
      'koffi',
      'node:child_process',
      'node:events',
      'node:fs',
      'node:fs/promises',
      'node:os',
      'node:util',
      'node:worker_threads',
    ],
    why: 'the only place for system calls',
  },
  controller: {
    folders: ['addr', 'api', 'ipam', 'kube', 'runtime'],
    modules: ['node:fs/promises', 'node:path'],
    why: 'composes; never loads FFI; reads the CRDs that the chart contains',
  },
  speaker: {
    folders: [
      'addr',
      'announce',
      'api',
      'dataplane',
      'election',
      'kube',
      'linux',
      'liveness',
      'memo',
      'neighbor',
      'runtime',
      'wire',
    ],
    modules: [],
    why: 'composes',
  },
  cli: {
    folders: ['addr', 'api', 'announce', 'dataplane', 'hash', 'ipam', 'kube', 'liveness', 'runtime'],
    modules: [
      'commander',
      'yaml',
      '@kubernetes/client-node/dist/config.js',
      'node:fs/promises',
      'node:path',
      'node:stream/consumers',
      'node:timers/promises',
    ],
    why: 'evaluates the decisions of controller and speaker on what it has read once; never loads FFI',
  },
  '.': {
    folders: ['api', 'cli', 'controller', 'speaker', 'runtime'],
    modules: ['commander', 'node:fs', 'node:readline/promises'],
    why: 'only the entry files know the roles',
  },
};

/** The packet worker calls decisions of `neighbor`, and its counters are named after them. No other file of linux may do so. */
const decisionsInLinux = /^src\/linux\/worker\//;

const files = globSync('src/**/*.ts').sort();

function importsOf(file: string): readonly string[] {
  const source = readFileSync(file, 'utf8');
  return [...source.matchAll(/\b(?:from\s+|import\s+|import\()'([^']+)'/g)].map((match) => match[1] ?? '');
}

function folderOf(file: string): string {
  const folder = dirname(file).replace(/^src\/?/, '');
  return folder === '' ? '.' : (folder.split('/')[0] ?? '.');
}

test('every folder imports only what the table allows', () => {
  assert.ok(files.length > 20);
  for (const file of files) {
    const from = folderOf(file);
    const row = table[from];
    assert.ok(row, `${file}: folder ${from} is not in the table`);
    for (const target of importsOf(file)) {
      if (!target.startsWith('.')) {
        assert.ok(row.modules.includes(target), `${file} may not import ${target}: ${row.why}`);
        continue;
      }
      const to = folderOf(normalize(join(dirname(file), target)));
      assert.ok(to === from || row.folders.includes(to), `${file} may not import ${to}: ${row.why}`);
      if (from === 'linux' && to === 'neighbor')
        assert.match(file, decisionsInLinux, `${file}: only the packet worker decides`);
    }
  }
});

test('the plan of the data path imports none of the rules that follow from it', () => {
  const plan = files.filter((file) => file.startsWith('src/dataplane/plan/'));
  assert.ok(plan.length > 5);
  for (const file of plan) {
    for (const target of importsOf(file)) {
      const path = normalize(join(dirname(file), target));
      assert.ok(!path.startsWith('src/dataplane/rules/'), `${file} may not import ${path}`);
    }
  }
});

test('the oracle of the tests imports no file of the program, so it shares none of its mistakes', () => {
  const oracle = globSync('test/oracle/**/*.ts');
  assert.ok(oracle.length > 5);
  for (const file of oracle) {
    for (const target of importsOf(file)) {
      const isOwn = target.startsWith('.') && normalize(join(dirname(file), target)).startsWith('test/oracle/');
      assert.ok(isOwn || target === 'node:net', `${file} may not import ${target}`);
    }
  }
});

test('imports have no cycle', () => {
  const graph = new Map(
    files.map((file) => [
      file,
      importsOf(file)
        .filter((target) => target.startsWith('.'))
        .map((target) => normalize(join(dirname(file), target))),
    ]),
  );
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    assert.ok(!path.includes(file), `cycle: ${[...path, file].join(' -> ')}`);
    if (done.has(file)) return;
    for (const next of graph.get(file) ?? []) visit(next, [...path, file]);
    done.add(file);
  };
  for (const file of files) visit(file, []);
});

test('every file starts with its purpose, and no file is longer than 300 lines', () => {
  for (const file of files) {
    const source = readFileSync(file, 'utf8').replace(/^#!.*\n/, '');
    assert.match(source, /^\/\*\*/, `${file} does not start with its purpose`);
    assert.ok(source.split('\n').length <= 300, `${file} is longer than 300 lines`);
  }
});

test('no folder has more than 18 files at one level', () => {
  const folders = Map.groupBy(files, dirname);
  for (const [folder, { length }] of folders) {
    assert.ok(length <= 18, `${folder} has ${length} files at one level: divide it into folders`);
  }
});

test('every export has a doc comment', () => {
  for (const file of files) {
    const lines = readFileSync(file, 'utf8').split('\n');
    lines.forEach((line, i) => {
      if (!/^export (async )?(function|const|class|interface|type)\b/.test(line)) return;
      assert.match(lines[i - 1] ?? '', /\*\/$/, `${file}:${i + 1} has no doc comment`);
    });
  }
});

test('every export is imported by another file of the program, unless a list gives the reason', () => {
  const all = exportsOfSource();
  assert.ok(all.length > 500);
  const unused = all.filter(({ importers }) => importers.length === 0).map(({ id }) => id);
  assert.deepEqual(unused, [], 'no file imports these: remove `export`, or delete dead code');
  const testOnly = all.filter(({ importers }) => importers.every((file) => file.startsWith('test/')));
  assert.deepEqual(
    testOnly.map(({ id }) => id).sort(),
    Object.values(testOnlyExports).flat().sort(),
    'only tests import these: delete them, or list them with a reason in test/test-only-exports.ts',
  );
});

test('the chart contains the same CRDs as crds/', () => {
  for (const crd of globSync('crds/*.yaml')) {
    assert.equal(readFileSync(`charts/berth/${crd}`, 'utf8'), readFileSync(crd, 'utf8'), crd);
  }
});
