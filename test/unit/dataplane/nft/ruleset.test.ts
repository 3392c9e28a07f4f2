/** The commands that change the kernel's tables into the desired ones. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Chain,
  type Collection,
  changeText,
  type Table,
  wholeText,
} from '../../../../src/dataplane/nft/ruleset.ts';

const set = (...keys: readonly string[]): Collection => {
  return { kind: 'set', spec: 'type ipv4_addr', elements: new Map(keys.map((key) => [key, ''])) };
};
const map = (elements: Readonly<Record<string, string>>): Collection => {
  return { kind: 'map', spec: 'type ipv4_addr : inet_service', elements: new Map(Object.entries(elements)) };
};
const hook = 'type filter hook input priority 0';

/** A table of the family `ip`. */
function table(collections: Readonly<Record<string, Collection>>, chains: Readonly<Record<string, Chain>> = {}): Table {
  return { family: 'ip', collections: new Map(Object.entries(collections)), chains: new Map(Object.entries(chains)) };
}

/** The lines of a change from one table to another. */
function change(before: Table | undefined, after: Table | undefined): readonly string[] {
  const rulesets = [before, after].map((one) => (one === undefined ? [] : [one]));
  return changeText(rulesets[0] ?? [], rulesets[1] ?? [])
    .split('\n')
    .filter(Boolean);
}

const anew = ['add table ip berth', 'delete table ip berth', 'table ip berth {'];

test('a full load deletes the old tables of every family, then creates the new ones', () => {
  const timed: Collection = {
    kind: 'set',
    spec: 'type ether_type; flags timeout',
    elements: new Map([['ip', 'timeout 600s']]),
  };
  const rules = { hook, rules: ['ip saddr @a accept'] };
  const text = wholeText([
    table({ a: set('10.0.0.1', '10.0.0.2'), b: map({ '10.0.0.1': '80' }), none: set(), timed }, { c: rules }),
  ]);
  assert.equal(
    text,
    `add table ip berth
delete table ip berth
add table ip6 berth
delete table ip6 berth
add table arp berth
delete table arp berth
add table netdev berth
delete table netdev berth
table ip berth {
  set a { type ipv4_addr; elements = { 10.0.0.1, 10.0.0.2 }; }
  map b { type ipv4_addr : inet_service; elements = { 10.0.0.1 : 80 }; }
  set none { type ipv4_addr; }
  set timed { type ether_type; flags timeout; elements = { ip timeout 600s }; }
  chain c {
    type filter hook input priority 0; policy accept;
    ip saddr @a accept
  }
}
`,
  );
});

test('a change contains only the differences', () => {
  const chain = (...rules: readonly string[]): Chain => ({ rules });
  const rows: readonly [string, Table | undefined, Table | undefined, readonly string[]][] = [
    ['nothing', table({ a: set('1.1.1.1') }), table({ a: set('1.1.1.1') }), []],
    ['one more element', table({ a: set('x') }), table({ a: set('x', 'y') }), ['add element ip berth a { y }']],
    ['one element less', table({ a: set('x', 'y') }), table({ a: set('y') }), ['delete element ip berth a { x }']],
    [
      'another value',
      table({ m: map({ x: '1', y: '1' }) }),
      table({ m: map({ x: '2', y: '1' }) }),
      ['delete element ip berth m { x }', 'add element ip berth m { x : 2 }'],
    ],
    [
      'other rules',
      table({}, { c: chain('one', 'two') }),
      table({}, { c: chain('two') }),
      ['flush chain ip berth c', 'add rule ip berth c two'],
    ],
    ['one table less', table({}), undefined, anew.slice(0, 2)],
  ];
  for (const [desc, before, after, lines] of rows) assert.deepEqual(change(before, after), lines, desc);
});

test('an object is created before the rule that refers to it, and deleted after that rule', () => {
  const old = table(
    { gone: set('x'), m: { ...map({ k: 'goto old_way' }), spec: 'type ipv4_addr : verdict' } },
    { c: { rules: ['ip saddr @gone drop'] }, old_way: { rules: ['drop'] } },
  );
  const next = table(
    { m: { ...map({ k: 'goto new_way' }), spec: 'type ipv4_addr : verdict' }, fresh: set('y') },
    { c: { rules: ['ip saddr @fresh drop'] }, new_way: { hook, rules: ['accept'] } },
  );
  assert.deepEqual(change(old, next), [
    'add set ip berth fresh { type ipv4_addr; }',
    `add chain ip berth new_way { ${hook}; policy accept; }`,
    'flush chain ip berth old_way',
    'delete element ip berth m { k }',
    'add element ip berth m { k : goto new_way }',
    'add element ip berth fresh { y }',
    'flush chain ip berth c',
    'add rule ip berth c ip saddr @fresh drop',
    'add rule ip berth new_way accept',
    'delete set ip berth gone',
    'delete chain ip berth old_way',
  ]);
});

test('a table is created again if a change cannot be made in place', () => {
  const before = table({ a: set() }, { c: { hook, rules: [] } });
  const rows: readonly [string, Table | undefined, Table][] = [
    ['no table before', undefined, before],
    ['another type', before, table({ a: { ...set(), spec: 'type ipv6_addr' } }, { c: { hook, rules: [] } })],
    ['a set becomes a map', before, table({ a: { ...set(), kind: 'map' } }, { c: { hook, rules: [] } })],
    ['another hook', before, table({ a: set() }, { c: { hook: hook.replace('0', '1'), rules: [] } })],
  ];
  for (const [desc, old, next] of rows) assert.deepEqual(change(old, next).slice(0, 3), anew, desc);
});

test('thousands of elements are split over several commands, each element once', () => {
  const keys = Array.from({ length: 1_201 }, (_, i) => `10.0.${i >> 8}.${i & 255}`);
  const lines = change(table({ a: set() }), table({ a: set(...keys) }));
  assert.equal(lines.length, 3);
  const added = lines.flatMap((line) => /\{ (.*) \}/.exec(line)?.[1]?.split(', ') ?? []);
  assert.deepEqual(added, keys);
});
