/** rtnetlink: bytes to messages. No input breaks the decoder. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeNetlink, encodeDumpRequest } from '../../../src/wire/netlink.ts';
import { fc } from '../../property.ts';
import * as kernel from './netlink-bytes.ts';

const event = { dumped: false, interrupted: false };
const decode = (...messages: readonly (readonly number[])[]) => decodeNetlink(Uint8Array.from(messages.flat()));
const bodies = (...messages: readonly (readonly number[])[]) => decode(...messages).map(({ body }) => body);

const eth0 = [kernel.nameAttribute('eth0'), kernel.operStateAttribute, kernel.macAttribute(2, 0, 0, 0, 0, 0xaa)];
const newLink = kernel.message(16, kernel.linkBody({ attributes: [...eth0, kernel.masterAttribute(9)] }));
const link = { kind: 'Link', index: 7, name: 'eth0', mac: '02:00:00:00:00:aa', flags: 0x11043, master: 9, xdp: false };

const own = [192, 0, 2, 10];
const own6 = [0xfe, 0x80, ...Array<number>(13).fill(0), 1];
const newAddress = kernel.message(
  20,
  kernel.addressBody({
    family: 2,
    prefix: 24,
    flags: 0x80,
    attributes: [kernel.attribute(1, own), kernel.attribute(2, own)],
  }),
);
const address = {
  kind: 'Address',
  index: 7,
  address: '192.0.2.10',
  prefix: 24,
  peer: '192.0.2.10',
  flags: 0x80,
};

const newQdisc = kernel.message(36, kernel.qdiscBody(7, [kernel.attribute(1, [...Buffer.from('clsact'), 0])]));
const xdpLink = kernel.message(16, kernel.linkBody({ attributes: [...eth0, kernel.xdpAttribute(2)] }));

test('a dump request is a header and an empty body, which requests everything', () => {
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
  assert.equal(hex(encodeDumpRequest('links')), `20000000120001030000000000000000${'00'.repeat(16)}`);
  assert.equal(hex(encodeDumpRequest('addresses')), `20000000160001030000000000000000${'00'.repeat(16)}`);
  assert.equal(hex(encodeDumpRequest('qdiscs')), `24000000260001030000000000000000${'00'.repeat(20)}`);
});

test('links and addresses come and go, several in one datagram', () => {
  const delLink = kernel.message(17, kernel.linkBody({ index: 8, attributes: eth0 }));
  const delAddress = [...newAddress.slice(0, 4), 21, ...newAddress.slice(5)];
  assert.deepEqual(decode(newLink, newAddress, delLink, delAddress), [
    { body: link, ...event },
    { body: address, ...event },
    { body: { kind: 'LinkGone', index: 8 }, ...event },
    { body: { ...address, kind: 'AddressGone' }, ...event },
  ]);
});

test('the parts of a dump are marked, and also whether the table changed meanwhile', () => {
  const done = kernel.message(3, kernel.errorBody(0), 0x2);
  const interrupted = kernel.message(3, kernel.errorBody(0), 0x12);
  const body = { kind: 'End', errno: 0 };
  assert.deepEqual(decode(done, interrupted), [
    { body, dumped: true, interrupted: false },
    { body, dumped: true, interrupted: true },
  ]);
});

test('a refusal has the error number', () => {
  assert.deepEqual(bodies(kernel.message(2, kernel.errorBody(16))), [{ kind: 'Failed', errno: 16 }]);
  assert.deepEqual(bodies(kernel.message(3, kernel.errorBody(12))), [{ kind: 'End', errno: 12 }]);
});

test("the link's own address is the local one, and the other address is the peer", () => {
  const fields = {
    family: 2,
    prefix: 32,
    attributes: [kernel.attribute(1, [192, 0, 2, 11]), kernel.attribute(2, own)],
  };
  assert.deepEqual(bodies(kernel.message(20, kernel.addressBody(fields))), [
    { ...address, prefix: 32, peer: '192.0.2.11', flags: 0 },
  ]);
});

test('an IPv6 address has no local address, and has flags beyond the eight bits of the header', () => {
  const fields = { family: 10, prefix: 64, attributes: [kernel.attribute(1, own6), kernel.flagsAttribute(0x240)] };
  assert.deepEqual(bodies(kernel.message(20, kernel.addressBody(fields))), [
    { ...address, address: 'fe80::1', peer: 'fe80::1', prefix: 64, flags: 0x240 },
  ]);
});

test('a link may have no hardware address, or one of another length', () => {
  const attributes = [kernel.nameAttribute('tun0'), kernel.operStateAttribute];
  const macOf = (...more: readonly (readonly number[])[]) =>
    bodies(kernel.message(16, kernel.linkBody({ attributes: [...attributes, ...more] }))).map((body) =>
      body.kind === 'Link' ? body.mac : undefined,
    );
  assert.deepEqual(macOf(), ['']);
  assert.deepEqual(macOf(kernel.macAttribute(10, 0, 0, 1)), ['0a:00:00:01']);
});

test('a link shows whether an XDP program is attached, in whatever way', () => {
  const xdpOf = (...more: readonly (readonly number[])[]) =>
    bodies(kernel.message(16, kernel.linkBody({ attributes: [...eth0, ...more] })), newAddress).map(
      (body) => body.kind === 'Link' && body.xdp,
    );
  assert.deepEqual(xdpOf(kernel.xdpAttribute(0)), [false, false]);
  for (const attached of [1, 2, 3, 4]) assert.deepEqual(xdpOf(kernel.xdpAttribute(attached)), [true, false]);
  assert.deepEqual(xdpOf(kernel.attribute(43, [])), [false, false]);
  assert.deepEqual(xdpOf(kernel.attribute(43, [9, 0, 2, 0, 1])), [false, false], 'the nested attribute is too short');
});

test('a queueing discipline has a link and a name', () => {
  const kindOf = (name: string) => kernel.attribute(1, [...Buffer.from(name), 0]);
  const options = kernel.attribute(2, []);
  const body = kernel.qdiscBody(7, [kindOf('clsact'), options]);
  const [other, gone] = [kernel.qdiscBody(0x12345, [options, kindOf('noqueue')]), kernel.message(37, body)];
  assert.deepEqual(decode(kernel.message(36, body, 0x2), gone, kernel.message(36, other)), [
    { body: { kind: 'Qdisc', index: 7, name: 'clsact' }, dumped: true, interrupted: false },
    { body: { kind: 'Qdisc', index: 0x12345, name: 'noqueue' }, ...event },
  ]);
});

const unreadable = [
  { desc: 'a bridge about its port (family AF_BRIDGE)', bytes: [17, kernel.linkBody({ family: 7, attributes: eth0 })] },
  { desc: 'a wireless event without state', bytes: [16, kernel.linkBody({ attributes: [kernel.nameAttribute('w')] })] },
  { desc: 'a link without name', bytes: [16, kernel.linkBody({ attributes: [kernel.operStateAttribute] })] },
  { desc: 'index 0', bytes: [16, kernel.linkBody({ index: 0, attributes: eth0 })] },
  { desc: 'a link that is too short', bytes: [16, kernel.linkBody({}).slice(0, 12)] },
  { desc: 'another family', bytes: [20, kernel.addressBody({ family: 3, prefix: 8, attributes: [] })] },
  { desc: 'an address without address', bytes: [20, kernel.addressBody({ family: 2, prefix: 8, attributes: [] })] },
  {
    desc: 'an IPv6 address of four bytes',
    bytes: [20, kernel.addressBody({ family: 10, prefix: 8, attributes: [kernel.attribute(1, own)] })],
  },
  {
    desc: 'a prefix that is too long',
    bytes: [20, kernel.addressBody({ family: 2, prefix: 33, attributes: [kernel.attribute(1, own)] })],
  },
  { desc: 'an end without error number', bytes: [3, []] },
  { desc: 'a queueing discipline without name', bytes: [36, kernel.qdiscBody(7, [])] },
  { desc: 'a queueing discipline that is too short', bytes: [36, kernel.qdiscBody(7, []).slice(0, 16)] },
  { desc: 'a route', bytes: [24, kernel.linkBody({ attributes: eth0 })] },
] as const;

for (const { desc, bytes } of unreadable) {
  test(`${desc} is left out, but not the message after it`, () => {
    const [type, body] = bytes;
    assert.deepEqual(bodies(kernel.message(type, body), newAddress), [address]);
  });
}

test('messages after an impossible length are unreadable', () => {
  for (const length of [0, 15, 1000]) {
    const broken = kernel
      .message(24, [])
      .with(0, length & 0xff)
      .with(1, length >> 8);
    assert.deepEqual(bodies(newAddress, broken, newAddress), [address]);
  }
});

test('an attribute that ends after its message is not read', () => {
  const longer = kernel.linkBody({ attributes: [...eth0, [5, 0, 10, 0]] });
  assert.deepEqual(bodies(kernel.message(16, longer), newAddress), [{ ...link, master: 0 }, address]);
});

/**
 * Valid datagrams, cut at any byte and with a few bytes replaced: most of them pass the first
 * checks.
 */
const nearlyGood = fc
  .tuple(
    fc.shuffledSubarray([newLink, newAddress, newQdisc, xdpLink, kernel.message(3, kernel.errorBody(0), 0x2)]),
    fc.array(fc.tuple(fc.nat(200), fc.integer({ min: 0, max: 255 })), { maxLength: 6 }),
    fc.nat(200),
  )
  .map(([messages, changes, cut]) => {
    const bytes = Uint8Array.from(messages.flat());
    for (const [offset, value] of changes) if (offset < bytes.length) bytes[offset] = value;
    return { bytes, length: Math.min(bytes.length, cut) };
  });
const noise = fc.uint8Array({ maxLength: 300 }).map((bytes) => ({ bytes, length: bytes.length }));

test('no bytes make the decoder throw, and bytes after the length are never read', () => {
  fc.assert(
    fc.property(fc.oneof(noise, nearlyGood), fc.integer({ min: 0, max: 255 }), ({ bytes, length }, filler) => {
      const other = Uint8Array.from(bytes).fill(filler, length);
      const exact = bytes.slice(0, length);
      const found = decodeNetlink(exact);
      assert.deepEqual(decodeNetlink(bytes, length), found);
      assert.deepEqual(decodeNetlink(other, length), found);
    }),
    { numRuns: 5000 },
  );
});

test('every decoded message is well-formed, whatever the bytes', () => {
  fc.assert(
    fc.property(nearlyGood, ({ bytes, length }) => {
      for (const { body } of decodeNetlink(bytes, length)) {
        if (body.kind === 'Link') assert.match(body.mac, /^([0-9a-f]{2}(:[0-9a-f]{2})*)?$/);
        if (body.kind === 'Link') assert.ok(body.index > 0);
        if (body.kind === 'Qdisc') assert.ok(Number.isInteger(body.index) && !body.name.includes('\0'));
        if (body.kind === 'Address') assert.ok(body.prefix <= (body.address.includes(':') ? 128 : 32));
        if (body.kind === 'End' || body.kind === 'Failed') assert.ok(body.errno >= 0);
      }
    }),
  );
});
