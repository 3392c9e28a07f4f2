/** Which of Berth's objects the API server accepts and which it refuses, by the schemas and rules of the CRDs. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { stringify } from 'yaml';
import { eventually } from '../lab/poll.ts';
import * as berth from './berth.ts';

const lab = berth.sharedLab();
const chart = new URL('../../charts/berth', import.meta.url).pathname;
const kinds = ['ipaddresspools', 'ipallocations', 'l2advertisements'];

/** A text that the API server accepts or, if there is a message, refuses with this message. */
type Row = readonly [text: string, message?: RegExp];

before(async () => {
  // Only the API server may handle the objects of these tests.
  await berth.installBerth(lab);
  await berth.scaleController(lab, 0);
  const names = kinds.map((kind) => `${kind}.berth.dev`);
  for (const name of names) await berth.established(lab, name);
  // New rules of an existing CRD are in force a moment later.
  await eventually('the new rules', () => create(pool('{ addresses: ["2001:db8::1"], retainFor: 90s }')));
});

after(() => berth.scaleController(lab, 2));

/** Creates an object in a dry run: everything is checked, nothing is stored. Returns the object as the API server would store it. */
async function create(manifest: string): Promise<unknown> {
  return (await lab.api.tryToCreate(manifest))[0];
}

/** An object of Berth. `spec` is YAML in flow style, or JSON, which is read much faster if it is long. */
function manifest(kind: string, name: string, spec: string): string {
  if (spec.startsWith('{"')) {
    return JSON.stringify({ apiVersion: 'berth.dev/v1beta1', kind, metadata: { name }, spec: JSON.parse(spec) });
  }
  return `apiVersion: berth.dev/v1beta1\nkind: ${kind}\nmetadata: { name: ${name} }\nspec: ${spec}\n`;
}

function pool(spec: string): string {
  return manifest('IPAddressPool', 'schema', spec);
}

function poolWith(fields: string): string {
  return pool(`{ addresses: [192.0.2.0/24], ${fields} }`);
}

async function check(rows: readonly Row[], object: (text: string) => string): Promise<void> {
  for (const [text, message] of rows) {
    const created = create(object(text));
    if (message === undefined) await assert.doesNotReject(created, text);
    else await assert.rejects(created, message, text);
  }
}

test('a pool accepts IPv4 and IPv6 addresses in three forms, and no other text', async () => {
  const rows: readonly Row[] = [
    ['192.0.2.0/28'],
    ['192.0.2.10-192.0.2.20'],
    ['192.0.2.10 - 192.0.2.20'],
    ['192.0.2.30'],
    ['2001:db8::/120'],
    ['2001:db8::/32'],
    ['2001:db8:1::/48'],
    ['2001:db8::1-2001:db8::ff'],
    ['2001:db8::1 - 2001:DB8:0:0:0:0:0:ff'],
    ['2001:db8::5'],
    ['64:ff9b::192.0.2.1'],
    ['fd00::/64'],
    ['192.0.2.20-192.0.2.10'],
    ['pool', /spec\.addresses\[0\]: Invalid value.*"pool" is not an address, a CIDR or a range "first-last"/],
    ['2001:db8::/129', /"2001:db8::\/129" is not an address/],
    ['2001:db8:::1', /"2001:db8:::1" is not an address/],
    ['2001:db8::1-2001:db8::2-2001:db8::3', /is not an address/],
    ['192.0.2.1-', /"192\.0\.2\.1-" is not an address/],
    ['2001:db8::1-', /"2001:db8::1-" is not an address/],
    ['192.0.2.1-2001:db8::1', /"192\.0\.2\.1-2001:db8::1" mixes IPv4 and IPv6/],
    ['2001:db8::1 - 192.0.2.1', /"2001:db8::1 - 192\.0\.2\.1" mixes IPv4 and IPv6/],
    ['10.0.0.0/8'],
    ['10.0.0.0/7', /"10\.0\.0\.0\/7" is larger than a \/8/],
    ['2001::/16'],
    ['2001::/15', /"2001::\/15" is larger than a \/16/],
    ['2000::/8', /"2000::\/8" is larger than a \/16/],
    ['2000::/3', /"2000::\/3" is larger than a \/16/],
    ['x'.repeat(96), /spec\.addresses\[0\].*may not be more than 95/],
  ];
  await check(rows, (address) => pool(`{ addresses: ["${address}"] }`));
});

test('a pool accepts no address that no host can have', async () => {
  const rows: readonly Row[] = [
    ['223.255.255.255'],
    ['126.0.0.0/8'],
    ['169.253.0.0/16'],
    ['0.0.0.1', /"0\.0\.0\.1" begins or ends in 0\.0\.0\.0\/8/],
    ['127.0.0.0/8', /begins or ends in .*127\.0\.0\.0\/8/],
    ['169.254.10.1', /begins or ends in .*169\.254\.0\.0\/16/],
    ['192.0.2.1 - 239.0.0.1', /begins or ends in .*224\.0\.0\.0\/4/],
    ['255.255.255.255', /begins or ends in .*240\.0\.0\.0\/4/],
    ['fec0::/64'],
    ['0fff::1'],
    ['ff0::1'],
    ['fe8::1'],
    ['1::/64'],
    ['::1', /"::1" begins or ends in ::\/16 \(loopback, IPv4-mapped\)/],
    ['0:0:0:0:0:0:0:1', /begins or ends in ::\/16/],
    ['0000::1', /begins or ends in ::\/16/],
    ['::', /begins or ends in ::\/16/],
    ['::/64', /begins or ends in ::\/16/],
    ['::-2001:db8::1', /begins or ends in ::\/16/],
    ['::224.0.0.1', /begins or ends in ::\/16/],
    ['fe80::/64', /"fe80::\/64" begins or ends in .*fe80::\/10 \(link-local\)/],
    ['FEBF::1', /begins or ends in .*fe80::\/10/],
    ['ff02::1', /"ff02::1" begins or ends in .*ff00::\/8 \(multicast\)/],
    ['FF00::/120', /begins or ends in .*ff00::\/8/],
    ['2001:db8::1 - ff02::1', /begins or ends in .*ff00::\/8/],
  ];
  await check(rows, (address) => pool(`{ addresses: ["${address}"] }`));
});

test('a pool accepts no IPv4-mapped address and no zone', async () => {
  const texts = ['::ffff:192.0.2.1', '::ffff:c000:201', '::ffff:192.0.2.0/120', 'fe80::1%eth0', '2001:db8::/64%eth0'];
  for (const text of texts) {
    await assert.rejects(create(pool(`{ addresses: ["${text}"] }`)), /spec\.addresses\[0\].* is not an address/, text);
    await assert.rejects(create(poolWith(`exclude: ["${text}"]`)), /spec\.exclude\[0\].* is not an address/, text);
  }
});

test('excluded addresses have the same forms', async () => {
  const rows: readonly Row[] = [
    ['192.0.2.1'],
    ['192.0.2.1-192.0.2.9'],
    ['2001:db8::/64'],
    ['192.0.2.300', /spec\.exclude\[0\]: Invalid value.*"192\.0\.2\.300" is not an address/],
    ['192.0.2.1-2001:db8::1', /spec\.exclude\[0\].*mixes IPv4 and IPv6/],
  ];
  await check(rows, (address) => poolWith(`exclude: ["${address}"]`));
});

test('the lists of a pool have a maximum length, and the largest pool is accepted', async () => {
  const group = (i: number) => `2001:db8:aaaa:bbbb:cccc:dddd:${(0x1000 + i).toString(16)}`;
  const ranges = Array.from({ length: 257 }, (_, i) => `${group(i)}:1000 - ${group(i)}:2000`);
  const expressions = Array.from({ length: 64 }, (_, i) => ({ key: `${i}`, operator: 'In', values: ['a', 'b'] }));
  const selectors = Array.from({ length: 64 }, () => ({ matchExpressions: expressions }));
  const addresses = ranges.slice(0, 256);
  const serviceAllocation = { namespaceSelectors: selectors, serviceSelectors: selectors };
  await create(pool(JSON.stringify({ addresses, exclude: addresses, serviceAllocation })));
  await assert.rejects(create(pool(JSON.stringify({ addresses: ranges }))), /spec\.addresses: Too many.*256/);
  await assert.rejects(create(pool('{ addresses: [] }')), /spec\.addresses.*at least 1/);
  await assert.rejects(create(pool('{ autoAssign: true }')), /spec\.addresses: Required value/);
});

test('the other fields of a pool accept only valid values', async () => {
  const long = 'n'.repeat(64);
  const rows: readonly Row[] = [
    ['avoidBuggyIPs: true'],
    ['avoidBuggyIPs: maybe', /spec\.avoidBuggyIPs: Invalid value.*must be of type boolean/],
    ['state: Cordoned'],
    ['state: Draining'],
    ['state: Closed', /spec\.state: Unsupported value: "Closed": supported values: "Active", "Cordoned", "Draining"/],
    ['quota: {}'],
    ['quota: { perNamespace: 1 }'],
    ['quota: { perNamespace: 2147483647 }'],
    ['quota: { perNamespace: 2147483648 }', /spec\.quota\.perNamespace.*less than or equal to 2147483647/],
    ['quota: { perNamespace: 1.5 }', /spec\.quota\.perNamespace: Invalid value.*must be of type integer/],
    ['quota: { perNamespace: 0 }', /spec\.quota\.perNamespace: Invalid value: 0.*greater than or equal to 1/],
    ['serviceAllocation: {}'],
    ['serviceAllocation: { priority: 0, namespaces: [one, two], strict: true }'],
    ['serviceAllocation: { priority: 2147483648 }', /priority.*less than or equal to 2147483647/],
    ['serviceAllocation: { priority: -1 }', /spec\.serviceAllocation\.priority.*greater than or equal to 0/],
    [
      'serviceAllocation: { namespaces: [one, one] }',
      /spec\.serviceAllocation\.namespaces\[1\]: Duplicate value: "one"/,
    ],
    ['serviceAllocation: { namespaces: [Team_A] }', /spec\.serviceAllocation\.namespaces\[0\].*"Team_A".*should match/],
    [`serviceAllocation: { namespaces: [${long}] }`, /namespaces\[0\].*may not be more than 63/],
    ['serviceAllocation: { namespace: one }', /unknown field "spec\.serviceAllocation\.namespace"/],
    ['adresses: []', /unknown field "spec\.adresses"/],
  ];
  await check(rows, poolWith);
});

test('the times of a pool accept only durations up to a year', async () => {
  const refused = (text: string) => new RegExp(`: "${text}" is no time from 0s to 8760h, such as 90s, 10m or 1h30m`);
  const rows: readonly Row[] = [
    ['0s'],
    ['90s'],
    ['10m'],
    ['1h30m'],
    ['1h2m3s4ms'],
    ['1500ms'],
    ['8760h'],
    ['8760h1ms', refused('8760h1ms')],
    ['999999h9999999m999999999s999999999999ms', /may not be more than 32/],
    ['999999h9999999m999999999s', refused('999999h9999999m999999999s')],
    ['10 minutes', refused('10 minutes')],
    ['10', refused('10')],
    ['-1s', refused('-1s')],
    ['1.5h', refused('1\\.5h')],
    ['30m1h', refused('30m1h')],
    ['1d', refused('1d')],
    ['', refused('')],
  ];
  for (const field of ['retainFor', 'reuseAfter']) await check(rows, (text) => poolWith(`${field}: "${text}"`));
  await assert.rejects(create(poolWith('retainFor: tomorrow')), /spec\.retainFor: Invalid value/);
  await assert.rejects(create(poolWith('retainFor: 90')), /spec\.retainFor: Invalid value.*must be of type string/);
});

test('the operators of selectors accept only matching values', async () => {
  const rows: readonly Row[] = [
    ['{}'],
    ['{ matchLabels: { team: a } }'],
    ['{ matchExpressions: [{ key: team, operator: In, values: [a] }, { key: team, operator: NotIn, values: [c] }] }'],
    ['{ matchExpressions: [{ key: team, operator: Exists }, { key: old, operator: DoesNotExist, values: [] }] }'],
    ['{ matchExpressions: [{ key: team, operator: In }] }', /operator In on "team" needs values/],
    ['{ matchExpressions: [{ key: team, operator: NotIn, values: [] }] }', /operator NotIn on "team" needs values/],
    [
      '{ matchExpressions: [{ key: team, operator: Exists, values: [a] }] }',
      /matchExpressions\[0\]: Invalid value.*operator Exists on "team" takes no values/,
    ],
    [
      '{ matchExpressions: [{ key: team, operator: DoesNotExist, values: [a] }] }',
      /operator DoesNotExist on "team" takes no values/,
    ],
    [
      '{ matchExpressions: [{ key: team, operator: Is }] }',
      /operator: Unsupported value: "Is": supported values: "In"/,
    ],
    ['{ matchExpressions: [{ key: "", operator: Exists }] }', /key: Invalid value.*at least 1 chars/],
  ];
  await check(rows, (selector) => poolWith(`serviceAllocation: { serviceSelectors: [${selector}] }`));
  await check(rows, (selector) => poolWith(`serviceAllocation: { namespaceSelectors: [${selector}] }`));
  await check(rows, (selector) => manifest('L2Advertisement', 'schema', `{ nodeSelectors: [${selector}] }`));
});

test('the API server sets the defaults of a pool', async () => {
  const stored = stringify(await create(poolWith('serviceAllocation: {}, quota: {}')));
  for (const line of ['autoAssign: true', 'avoidBuggyIPs: false', 'state: Active', 'retainFor: 0s', 'reuseAfter: 0s']) {
    assert.ok(stored.includes(`\n  ${line}\n`), `${line} is not in\n${stored}`);
  }
  assert.match(stored, /serviceAllocation:\n {4}strict: false\n/);
});

const services = 'services: [{ namespace: default, name: one, uid: some }]';

test('the name of an IPAllocation must be its address', async () => {
  const v6 = (address: string) =>
    new RegExp(`the name must be the address, "${address}", as eight groups of four digits`);
  const rows: readonly (readonly [name: string, address: string, message?: RegExp])[] = [
    ['192.0.2.1', '192.0.2.1'],
    ['192.0.2.2', '192.0.2.1', /the name must be the address, "192\.0\.2\.1"/],
    ['one', '192.0.2.1', /the name must be the address, "192\.0\.2\.1"/],
    ['2001-0db8-0000-0000-0000-0000-0000-0001', '2001:db8::1'],
    ['2001-0db8-0001-0000-0002-0000-0000-0003', '2001:db8:1:0:2::3'],
    ['0064-ff9b-0000-0000-0000-0000-c000-0201', '64:ff9b::c000:201'],
    ['2001-0db8-0000-0000-0000-0000-0000-0002', '2001:db8::1', v6('2001:db8::1')],
    ['2001-db8-0-0-0-0-0-1', '2001:db8::1', v6('2001:db8::1')],
    ['2001-0db8-0000-0000-0000-0000-0001', '2001:db8::1', v6('2001:db8::1')],
    ['2001-0db8--1', '2001:db8::1', v6('2001:db8::1')],
    ['192.0.2.1', '2001:db8::1', v6('2001:db8::1')],
    ['2001-0db8-0000-0000-0000-0000-0000-0001', '192.0.2.1', /the name must be the address, "192\.0\.2\.1"/],
    ['0000-0000-0000-0000-0000-ffff-c000-0201', '2001:db8::1', v6('2001:db8::1')],
  ];
  for (const [name, address, message] of rows) {
    const row: Row = message === undefined ? [address] : [address, message];
    await check([row], (ip) => manifest('IPAllocation', name, `{ address: "${ip}", pool: p, ${services} }`));
  }
});

test('the address of an IPAllocation must be in canonical form, neither IPv4-mapped nor with a zone', async () => {
  const rows: readonly (readonly [name: string, address: string])[] = [
    ['2001-0db8-0000-0000-0000-0000-0000-0001', '2001:DB8::1'],
    ['2001-0db8-0000-0000-0000-0000-0000-0001', '2001:db8:0::1'],
    ['2001-0db8-0000-0000-0000-0000-0000-0001', '2001:0db8::1'],
    ['0064-ff9b-0000-0000-0000-0000-c000-0201', '64:ff9b::192.0.2.1'],
    ['0000-0000-0000-0000-0000-ffff-c000-0201', '::ffff:192.0.2.1'],
    ['0000-0000-0000-0000-0000-ffff-c000-0201', '::ffff:c000:201'],
    ['fe80-0000-0000-0000-0000-0000-0000-0001', 'fe80::1%eth0'],
    ['192.0.2.01', '192.0.2.01'],
    ['192.0.2.0', '192.0.2.0/24'],
    ['one', 'one'],
  ];
  for (const [name, address] of rows) {
    const entry = manifest('IPAllocation', name, `{ address: "${address}", pool: p, ${services} }`);
    const message = new RegExp(`spec\\.address: Invalid value.*"${address}" is no IP address in canonical form`);
    await assert.rejects(create(entry), message, address);
  }
});

test('the other fields of an IPAllocation accept only valid values', async () => {
  const service = (i: number) => ({ namespace: 'default', name: `s${i}`, uid: `u${i}` });
  const ports = Array.from({ length: 16385 }, (_, i) => ({ protocol: 'UDP', port: i + 1 }));
  const some = (count: number) => JSON.stringify(Array.from({ length: count }, (_, i) => service(i)));
  const withPorts = (value: string) => `services: [{ namespace: default, name: one, uid: some, ports: ${value} }]`;
  const withField = (field: string) => `services: [{ namespace: default, name: one, uid: some, ${field} }]`;
  const pools = (count: number) => `requestedPools: [${Array.from({ length: count }, (_, i) => `p${i}`)}]`;
  const rows: readonly Row[] = [
    [services],
    [withField(`backends: ${'x'.repeat(1024)}`)],
    [withField(`backends: ${'x'.repeat(1025)}`), /backends.*may not be more than 1024/],
    [withField(pools(16))],
    [withField(pools(17)), /requestedPools: Too many: 17: must have at most 16 items/],
    [`services: ${some(128)}, sharingKey: "default/key"`],
    [`services: ${some(129)}`, /spec\.services: Too many: 129: must have at most 128 items/],
    ['sharingKey: a', /spec\.services: Required value/],
    ['services: [{ namespace: default, name: one }]', /spec\.services\[0\]\.uid: Required value/],
    ['services: []', /spec: Invalid value.*an entry without services needs reservedUntil/],
    ['services: [], reservedUntil: "2026-01-02T03:04:05.678Z"'],
    [`${services}, reservedUntil: "2026-01-02T03:04:05Z"`],
    [`${services}, reservedUntil: tomorrow`, /spec\.reservedUntil: Invalid value: "tomorrow".*date-time/],
    [`${services}, sharingKey: ${'k'.repeat(512)}`],
    [`${services}, sharingKey: ${'k'.repeat(513)}`, /spec\.sharingKey.*may not be more than 512/],
    [withPorts('[{ protocol: TCP, port: 1 }, { protocol: UDP, port: 65535 }, { protocol: SCTP, port: 80 }]')],
    [withPorts('[{ port: 80 }]'), /ports\[0\]\.protocol: Required value/],
    [withPorts('[{ protocol: tcp, port: 80 }]'), /ports\[0\]\.protocol: Unsupported value: "tcp"/],
    [withPorts('[{ protocol: TCP, port: 0 }]'), /ports\[0\]\.port: Invalid value: 0/],
    [withPorts('[{ protocol: TCP, port: 65536 }]'), /ports\[0\]\.port: Invalid value: 65536/],
  ];
  await check(rows, (fields) => manifest('IPAllocation', '192.0.2.1', `{ address: 192.0.2.1, pool: p, ${fields} }`));
  const large = (count: number) => {
    const services = [{ namespace: 'default', name: 'one', uid: 'some', ports: ports.slice(0, count) }];
    return create(manifest('IPAllocation', '192.0.2.1', JSON.stringify({ address: '192.0.2.1', pool: 'p', services })));
  };
  await large(16_384);
  await assert.rejects(large(16_385), /ports: Too many: 16385: must have at most 16384 items/);
  const ofPool = (name: string) => `{ address: 192.0.2.1, pool: "${name}", ${services} }`;
  await assert.rejects(create(manifest('IPAllocation', '192.0.2.1', ofPool(''))), /spec\.pool.*at least 1 chars/);
  await assert.rejects(
    create(manifest('IPAllocation', '192.0.2.1', ofPool('p'.repeat(254)))),
    /spec\.pool.*more than 253/,
  );
});

test('the address of an entry cannot change, and kubectl shows the columns of entries and pools', async () => {
  const spec = `{ address: "2001:db8::1", pool: p, ${services}, reservedUntil: "2099-01-02T03:04:05Z" }`;
  const name = '2001-0db8-0000-0000-0000-0000-0000-0001';
  try {
    await lab.apply(manifest('IPAllocation', name, spec));
    const other = lab.api.patch('ipallocations', name, { spec: { address: '2001:db8::2' } });
    await assert.rejects(other, /spec\.address: Invalid value.*an entry keeps its address/);
    const entries = await lab.kubectl(['get', 'ipallocations']);
    assert.match(entries, /^NAME +ADDRESS +POOL +NAMESPACE +SERVICE +HOLDER +ANNOUNCED +VERIFIED +RESERVED +AGE\n/);
    assert.match(entries, / 2001:db8::1 +p +default +one +2099-01-02T03:04:05Z +\d+s\n/);

    await lab.apply(poolWith('state: Cordoned'));
    const set = (status: object) => lab.api.patch('ipaddresspools', 'schema', { subresource: 'status', status });
    await set({ assignedIPv4: 12, availableIPv6: 9007199254740991, used: '12', free: '241 IPv4, 5 IPv6' });
    await assert.rejects(
      set({ availableIPv4: -1 }),
      /status\.availableIPv4: Invalid value: -1.*greater than or equal to 0/,
    );
    const pools = await lab.kubectl(['get', 'ipaddresspools']);
    assert.match(pools, /^NAME +ADDRESSES +AUTO +USED +FREE +STATE +READY +AGE\n/);
    assert.match(pools, /schema +\["192\.0\.2\.0\/24"\] +true +12 +241 IPv4, 5 IPv6 +Cordoned +\d+s\n/);
  } finally {
    await lab.api.delete('ipallocations', name);
    await lab.api.delete('ipaddresspools', 'schema');
  }
});

/** A part of a schema. */
interface Schema {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
}

interface Definition {
  readonly spec: { readonly versions: readonly { readonly schema: { readonly openAPIV3Schema: Schema } }[] };
}

function undescribed(schema: Schema, path: string): readonly string[] {
  const fields = Object.entries(schema.properties ?? {}).flatMap(([name, field]) => [
    ...(field.description === undefined ? [`${path}.${name}`] : []),
    ...undescribed(field, `${path}.${name}`),
  ]);
  return schema.items === undefined ? fields : [...fields, ...undescribed(schema.items, `${path}[]`)];
}

test('kubectl explain describes every field', async () => {
  await eventually('a description', async () =>
    /DESCRIPTION:\s+How long the address of a deleted Service stays reserved/.test(
      await lab.kubectl(['explain', 'ipaddresspool.spec.retainFor']),
    ),
  );
  for (const kind of kinds) {
    const crd = await lab.api.get<Definition>('customresourcedefinitions', `${kind}.berth.dev`);
    const schema = crd.spec.versions[0]?.schema.openAPIV3Schema ?? assert.fail(kind);
    assert.ok(schema.description, kind);
    // The API server describes apiVersion, kind and metadata itself.
    const { spec = {}, status = {} } = schema.properties ?? {};
    assert.deepEqual(undescribed({ properties: { spec, status: { description: '', ...status } } }, kind), []);
  }
});

function template(file: string, ...sets: readonly string[]): Promise<string> {
  return lab.helm(['template', 'berth', chart, '--show-only', `templates/${file}`, ...sets]);
}

test('the chart passes every field of a pool on', async () => {
  const spec = {
    addresses: ['192.0.2.0/24', '2001:db8::/64'],
    exclude: ['192.0.2.1'],
    autoAssign: false,
    avoidBuggyIPs: true,
    serviceAllocation: {
      priority: 10_000_000,
      namespaces: ['one'],
      namespaceSelectors: [{ matchLabels: { team: 'a' } }],
      serviceSelectors: [{ matchExpressions: [{ key: 'a', operator: 'Exists' }] }],
      strict: true,
    },
    state: 'Draining',
    quota: { perNamespace: 1_000_000 },
    retainFor: '1h30m',
    reuseAfter: '30s',
  };
  const links = { nodeSelectors: [{ matchLabels: { link: 'fast' } }], interfaces: ['eth*'] };
  const advertisement = { ...links, distribution: 'Spread' };
  const pools = JSON.stringify([{ name: 'p', ...spec, ...advertisement }]);
  const input = await template('pools.yaml', '--set-json', `pools=${pools}`);
  const stored = await lab.api.tryToCreate<{ readonly spec: object }>(input);
  assert.deepEqual(
    stored.map((object) => object.spec),
    [spec, { ipAddressPools: ['p'], ...advertisement }],
  );
});

test('the chart gives the controller --take-over only if takeOver is true', async () => {
  assert.doesNotMatch(await template('controller.yaml'), /take-over/);
  const controller = await template('controller.yaml', '--set', 'takeOver=true');
  assert.match(controller, /^ +- --take-over$/m);
});

test('the chart refuses unknown fields and invalid values of pools', async () => {
  const rows: readonly (readonly [string, RegExp])[] = [
    ['state=Closed', /state.*must be one of 'Active', 'Cordoned', 'Draining'/],
    ['quota.perNamespace=0', /perNamespace.*minimum/],
    ['quota.perNode=1', /perNode/],
    ['serviceAllocation.namespace=one', /namespace/],
    ['serviceAllocation.priority=-1', /priority.*minimum/],
    ['retainFor=soon', /retainFor.*pattern/],
    ['reuseAfter=10', /reuseAfter.*want string/],
    ['avoidBuggyIPs=no', /avoidBuggyIPs.*want boolean/],
  ];
  for (const [value, message] of rows) {
    const sets = `pools[0].name=p,pools[0].addresses[0]=192.0.2.1,pools[0].${value}`;
    await assert.rejects(template('pools.yaml', '--set', sets), message, value);
  }
  await assert.rejects(template('controller.yaml', '--set', 'takeOver=perhaps'), /takeOver.*want boolean/);
});
