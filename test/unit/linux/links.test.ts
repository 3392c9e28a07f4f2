/** The table of links and addresses that results from the kernel's messages. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ip } from '../../../src/addr/ip.ts';
import { LinkTable } from '../../../src/linux/links.ts';
import { type AddressMessage, addressFlag, interfaceFlag, type LinkMessage } from '../../../src/wire/netlink.ts';

const working = interfaceFlag.up | interfaceFlag.lowerUp | interfaceFlag.running;

function link(index: number, facts: Partial<LinkMessage> = {}): LinkMessage {
  const named = { index, name: `eth${index}`, mac: '02:00:00:00:00:01' };
  return { kind: 'Link', ...named, flags: working, master: 0, xdp: false, ...facts };
}

function address(text: string, facts: Partial<AddressMessage> = {}): AddressMessage {
  return { kind: 'Address', index: 1, address: text as Ip, prefix: 24, peer: text as Ip, flags: 0, ...facts };
}

function tableOf(...messages: readonly Parameters<LinkTable['apply']>[0][]): LinkTable {
  const table = new LinkTable();
  for (const message of messages) table.apply(message);
  return table;
}

const addressesOf = (table: LinkTable) => table.links()[0]?.addresses.map((own) => own.address);

test('links are sorted by their index', () => {
  assert.deepEqual(
    tableOf(link(3), link(1), link(2))
      .links()
      .map(({ index }) => index),
    [1, 2, 3],
  );
});

const states = [
  { desc: 'up and operational', flags: working, up: true, carrier: true },
  { desc: 'without a signal', flags: interfaceFlag.up, up: true, carrier: false },
  { desc: 'waiting for 802.1X', flags: interfaceFlag.up | interfaceFlag.lowerUp, up: true, carrier: false },
  { desc: 'down', flags: 0, up: false, carrier: false },
] as const;

for (const { desc, flags, up, carrier } of states) {
  test(`a link that is ${desc}`, () => {
    const [found] = tableOf(link(1, { flags })).links();
    assert.deepEqual([found?.up, found?.carrier, found?.noArp], [up, carrier, false]);
  });
}

test('tunnels and the loopback do not answer ARP', () => {
  for (const flag of [interfaceFlag.noArp, interfaceFlag.loopback]) {
    assert.equal(tableOf(link(1, { flags: working | flag })).links()[0]?.noArp, true);
  }
});

test('a link is the same object until it changes: a node may have hundreds, and a Pod that starts changes one', () => {
  const table = tableOf(link(1), link(2), address('192.0.2.1', { index: 2 }));
  const [one, two] = table.links();
  table.apply(link(3));
  table.apply(link(1));
  assert.ok(table.links()[0] === one && table.links()[1] === two);
  table.apply(address('192.0.2.2', { index: 2 }));
  assert.ok(table.links()[0] === one && table.links()[1] !== two);
  table.apply({ ...address('192.0.2.2', { index: 2 }), kind: 'AddressGone' });
  assert.deepEqual(table.links()[1], two);
  table.apply({ kind: 'LinkGone', index: 1 });
  table.apply(link(1, { mac: '02:00:00:00:00:02' }));
  assert.equal(table.links()[0]?.mac, '02:00:00:00:00:02');
});

test('a master is shown by its name, also after a rename, and an unknown one by its index', () => {
  const table = tableOf(link(1, { master: 2 }), link(2, { name: 'br0' }));
  assert.equal(table.links()[0]?.master, 'br0');
  table.apply(link(2, { name: 'lan' }));
  assert.equal(table.links()[0]?.master, 'lan');
  table.apply({ kind: 'LinkGone', index: 2 });
  assert.equal(table.links()[0]?.master, '2');
  table.apply(link(1));
  assert.equal(table.links()[0]?.master, undefined);
});

test('a link that is deleted loses its addresses', () => {
  const table = tableOf(link(1), address('192.0.2.1'), { kind: 'LinkGone', index: 1 });
  assert.deepEqual(table.links(), []);
  table.apply(link(1));
  assert.deepEqual(addressesOf(table), []);
});

test('addresses keep the order of their arrival, also when later messages change them', () => {
  const table = tableOf(link(1), address('192.0.2.2'), address('192.0.2.1'));
  table.apply(address('192.0.2.2', { flags: addressFlag.optimistic }));
  assert.deepEqual(addressesOf(table), ['192.0.2.2', '192.0.2.1']);
});

test('an address with two prefixes or two peers counts as two addresses', () => {
  const peers = ['192.0.2.8', '192.0.2.9'].map((peer) => address('192.0.2.1', { peer: peer as Ip }));
  const table = tableOf(link(1), address('192.0.2.1', { prefix: 32 }), ...peers);
  table.apply({ ...address('192.0.2.1', { peer: '192.0.2.8' as Ip }), kind: 'AddressGone' });
  assert.deepEqual(table.links()[0]?.addresses, [
    { address: '192.0.2.1', prefix: 32 },
    { address: '192.0.2.1', prefix: 24 },
  ]);
});

const uniqueness = [
  { desc: 'tentative', flags: addressFlag.tentative, usable: false },
  { desc: 'a duplicate', flags: addressFlag.tentative | addressFlag.dadFailed, usable: false },
  { desc: 'optimistic', flags: addressFlag.tentative | addressFlag.optimistic, usable: true },
  { desc: 'deprecated', flags: 0x20, usable: true },
] as const;

for (const { desc, flags, usable } of uniqueness) {
  test(`an IPv6 address that is ${desc} is ${usable ? 'usable' : 'left out'}`, () => {
    const table = tableOf(link(1), address('2001:db8::1', { flags }));
    assert.deepEqual(addressesOf(table), usable ? ['2001:db8::1'] : []);
    table.apply(address('2001:db8::1'));
    assert.deepEqual(addressesOf(table), ['2001:db8::1']);
  });
}

test('only a real difference counts as a change', () => {
  const table = tableOf(link(1), address('192.0.2.1'));
  const rows = [
    { desc: 'the same link', message: link(1), changed: false },
    { desc: 'the same address', message: address('192.0.2.1'), changed: false },
    { desc: 'another MAC', message: link(1, { mac: '02:00:00:00:00:02' }), changed: true },
    { desc: 'one more address', message: address('192.0.2.2'), changed: true },
    { desc: 'one less address', message: { ...address('192.0.2.2'), kind: 'AddressGone' as const }, changed: true },
    {
      desc: 'the end of an unknown address',
      message: { ...address('192.0.2.2'), kind: 'AddressGone' as const },
      changed: false,
    },
    { desc: 'the end of a dump', message: { kind: 'End' as const, errno: 0 }, changed: false },
    { desc: 'the end of the link', message: { kind: 'LinkGone' as const, index: 1 }, changed: true },
    { desc: 'the end of the link again', message: { kind: 'LinkGone' as const, index: 1 }, changed: false },
  ];
  for (const { desc, message, changed } of rows) assert.equal(table.apply(message), changed, desc);
});
