/** Text that other people write cannot control the terminal: no control characters, no lines that the tool has not made. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { renderAnswer } from '../../../src/cli/output/answer.ts';
import { colorsFor, plain } from '../../../src/cli/output/colors.ts';
import { printable, printableLines } from '../../../src/cli/output/printable.ts';
import { bare, installation, type RawObject, runAt, type ServedCluster, together } from './served-cluster.ts';

/** Clears the screen, goes back, adds lines, reorders the line; also as C1, which terminals read as ESC and a bracket. */
const evil = 'x\nINJECTED: no problem\r\x1b[2J\x1b]0;title\x07\x08\x9b2J\x85INJECTED\u2028INJECTED\u202eabc';
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be printed
const control = /[\0-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]/;
const berth = '/apis/berth.dev/v1beta1';

const metadata = (name: string, more: object = {}) => ({
  ...{ name, namespace: 'default', uid: name, resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' },
  ...more,
});
const condition = (type: string) => ({
  ...{ type, status: 'False', reason: evil, message: evil, lastTransitionTime: '2026-01-01T00:00:00Z' },
});
const fieldsV1 = { 'f:status': { 'f:loadBalancer': { 'f:ingress': {} } } };

function service(name: string, annotations: Readonly<Record<string, string>>, status: object = {}): RawObject {
  return {
    metadata: metadata(name, { annotations, managedFields: [{ manager: evil, subresource: 'status', fieldsV1 }] }),
    spec: {
      ...{ type: 'LoadBalancer', ipFamilies: ['IPv4'], ports: [{ port: 80, nodePort: 30_080 }] },
      loadBalancerSourceRanges: [evil],
    },
    status: { conditions: [condition('berth.dev/Allocated')], ...status },
  };
}

const hostile: ServedCluster['objects'] = together(bare, installation('berth-system'), {
  '/api/v1/services': [
    service('web', { 'berth.dev/address-pool': evil }),
    service('asks', { 'berth.dev/loadBalancerIPs': evil, 'berth.dev/hand-off': evil }),
    service('shown', { 'berth.dev/take-over': evil }, { loadBalancer: { ingress: [{ ip: '192.0.2.13' }] } }),
    service('held', { 'berth.dev/hand-off': evil }, { loadBalancer: { ingress: [{ ip: '192.0.2.10' }] } }),
  ],
  '/api/v1/events': [
    {
      metadata: metadata('e', { namespace: 'berth-system' }),
      ...{ type: 'Warning', reason: evil, message: evil, lastTimestamp: new Date().toISOString() },
      ...{ involvedObject: { kind: evil, name: evil } },
    },
  ],
  [`${berth}/ipaddresspools`]: [{ metadata: metadata('q'), spec: { addresses: [evil] } }],
  [`${berth}/ipallocations`]: [
    {
      metadata: metadata('192.0.2.10'),
      spec: {
        ...{ address: '192.0.2.10', pool: 'p' },
        services: [{ namespace: 'default', name: 'held', uid: 'held', ports: [] }],
      },
      status: {
        holder: { node: 'n1', term: 1, since: '2026-01-01T00:00:00Z', links: [{ name: evil, mac: evil }] },
        conditions: [condition('Announced'), condition('Conflict'), { ...condition('Verified'), reason: evil }],
      },
    },
  ],
});

const commandLines = [
  ['status'],
  ['pools'],
  ['vips'],
  ...['web', 'asks', 'shown', 'held'].map((name) => ['explain', name]),
  ...['192.0.2.10', '192.0.2.13', '192.0.2.14'].map((address) => ['who-has', address]),
  ['simulate', '--node-down', 'n1'],
  ['drain', 'n1', '--timeout', '0s'],
  ['move', '192.0.2.10', 'n2', '--timeout', '0s'],
  ['renumber', '--pool', 'p', '--yes', '--timeout', '0s'],
  ['renumber', 'web'],
  ['doctor'],
  ['explain', evil],
  ['who-has', evil],
];

function assertHarmless(text: string, where: string): void {
  assert.doesNotMatch(text, control, where);
  assert.doesNotMatch(text, /^INJECTED/m, where);
}

test('no command prints control characters or lines of other people', async (t) => {
  let seen = '';
  const limited = (path: string) => (/^\/api\/v1\/(nodes|namespaces)$/.test(path) ? 403 : undefined);
  for (const argv of commandLines) {
    for (const format of ['wide', 'json', 'yaml']) {
      for (const refuses of [undefined, limited]) {
        const cluster = { objects: hostile, ...(refuses && { refuses }) };
        const { out, notes } = await runAt(t, cluster, ...argv, '-o', format);
        assertHarmless(out, `${argv[0]} ${argv[1]} -o ${format}: ${JSON.stringify(out)}`);
        assertHarmless(notes, `${argv[0]} ${argv[1]} -o ${format}: ${JSON.stringify(notes)}`);
        seen += out;
      }
    }
  }
  assert.match(seen, /x\\nINJECTED: no problem\\r\\x1b\[2J/, 'the text is shown, with its characters escaped');
});

test('the report of a migration contains no control characters or lines of other people', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-untrusted-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const annotations = {
    'metallb.io/address-pool': evil,
    'metallb.io/loadBalancerIPs': evil,
    [`metallb.io/${evil}`]: evil,
  };
  const objects = [
    { apiVersion: 'v1', kind: 'Service', metadata: { name: evil, annotations }, spec: { type: 'LoadBalancer' } },
    {
      apiVersion: 'metallb.io/v1beta1',
      kind: 'IPAddressPool',
      metadata: { name: evil },
      spec: { addresses: [evil], [evil]: 1 },
    },
    { apiVersion: 'metallb.io/v1beta1', kind: evil, metadata: { name: 'x' } },
  ];
  const file = join(folder, 'a.json');
  writeFileSync(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }));
  for (const format of ['table', 'json', 'yaml']) {
    const { out, notes } = await runAt(t, { objects: {} }, 'migrate', 'metallb', '-f', file, '-o', format);
    assertHarmless(out, JSON.stringify(out));
    assertHarmless(notes, JSON.stringify(notes));
    assert.match(notes, /x\\nINJECTED/);
  }
});

test('programs get the text as it is', () => {
  const answer = { facts: { told: evil, list: [evil] }, text: () => '' };
  const [json, yaml] = (['json', 'yaml'] as const).map((format) => renderAnswer(answer, format, { colors: plain }));
  assert.deepEqual(JSON.parse(json ?? ''), answer.facts);
  assert.deepEqual(parse(yaml ?? ''), answer.facts);
  for (const text of [json ?? '', yaml ?? '']) assertHarmless(text, text);
});

test('ordinary text stays as it is, in every language', () => {
  const texts = ['web', 'größe', '日本語', '👩‍💻', 'a\\nb', 'שלום'];
  assert.deepEqual(printable({ texts, n: 1, none: undefined, nothing: null }), {
    texts,
    n: 1,
    none: undefined,
    nothing: null,
  });
  for (const text of texts) assert.equal(printableLines(`${text}\n`), `${text}\n`);
});

test("on a terminal the tool's own colors stay, and nothing else", () => {
  const colors = colorsFor(true, { noColor: false });
  const answer = {
    facts: { told: '\x1b[31mred\x1b[0m' },
    text: (_: unknown, { told }: { told: string }) => `${colors.bad(told)}\n`,
  };
  assert.equal(renderAnswer(answer, 'table', { colors }), '\x1b[31m\\x1b[31mred\\x1b[0m\x1b[0m\n');
});
