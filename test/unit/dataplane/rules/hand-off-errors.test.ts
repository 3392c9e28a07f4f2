/** The changes to a router's ICMP error leave its checksum as it was. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Ip, ipToNumber } from '../../../../src/addr/ip.ts';
import { dialects } from '../../../../src/dataplane/nft/family.ts';
import { handOffErrors, type Rewritten } from '../../../../src/dataplane/rules/hand-off-errors.ts';

/** The one's complement sum of 16-bit words (RFC 1071). */
function sumOf(...values: readonly bigint[]): number {
  let sum = 0n;
  for (let value of values) for (; value > 0n; value >>= 16n) sum += value & 0xffffn;
  while (sum > 0xffffn) sum = (sum & 0xffffn) + (sum >> 16n);
  return Number(sum % 0xffffn);
}

test('the unused word of an ICMP error compensates for the new source and port, in both families', () => {
  const rows = [
    ['IPv4', '192.0.2.1', '10.0.0.1', 80, 30_080],
    ['IPv4', '1.0.0.0', '255.255.255.254', 65_535, 1],
    ['IPv4', '10.0.0.1', '192.0.2.1', 30_080, 80],
    ['IPv6', '2001:db8::1', 'fd00::1:2:3', 443, 31_443],
    ['IPv6', '::5', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe', 1, 65_535],
  ] as const;
  for (const [family, vip, own, port, nodePort] of rows) {
    const rewritten: Rewritten = { address: vip as Ip, protocol: 'tcp', port, nodePort };
    const { collections } = handOffErrors(dialects[family], [rewritten], { own: own as Ip, zone: 1 });
    const [[key, spare] = assert.fail()] = collections?.error_sums?.elements ?? [];
    assert.equal(key, `${vip} . 0x6 . 0x${port.toString(16)}`);
    const before = sumOf(ipToNumber(vip as Ip), BigInt(port));
    assert.equal(sumOf(ipToNumber(own as Ip), BigInt(nodePort), BigInt(spare)), before, `${vip} ${own}`);
  }
});
