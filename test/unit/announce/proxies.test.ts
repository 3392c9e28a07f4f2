/** Which hosts count as proxies. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ip } from '../../../src/addr/ip.ts';
import { type HostKind, impossibleOn, Proxies } from '../../../src/announce/proxies.ts';

const vip = '10.99.3.1' as Ip;
const impossible = '203.0.113.253' as Ip;
const host = { mac: '02:00:00:00:00:99', link: 'eth0' };

/** What is known of a host after a time in which it answers for these addresses when it is asked. */
class Link {
  readonly proxies = new Proxies();
  readonly asked: number[] = [];
  answers = true;
  sends = true;
  now = 0;

  kind(): HostKind {
    return this.proxies.kindOf(host, vip, this.now);
  }

  run(ms: number): HostKind {
    for (const end = this.now + ms; this.now <= end; this.now += 10) {
      const { ask } = this.proxies.turn(this.now);
      if (ask.length > 0) this.asked.push(this.now);
      for (const question of ask) this.proxies.asked(question, this.sends ? impossible : 'Unsent');
      if (ask.length > 0 && this.sends && this.answers) this.proxies.heard(host, impossible, this.now);
    }
    return this.kind();
  }
}

test('a host that answers for an address that no host can have is a proxy', () => {
  const link = new Link();
  assert.equal(link.kind(), 'Unknown');
  assert.equal(link.run(0), 'Proxy');
});

test('a host that does not is another host after three questions, however many addresses it has', () => {
  const link = new Link();
  link.answers = false;
  assert.equal(link.kind(), 'Unknown');
  assert.equal(link.run(290), 'Unknown');
  assert.equal(link.run(30), 'Other');
  assert.deepEqual(link.asked, [0, 100, 200]);
});

test('what is known is asked again after a minute, and a proxy counts as one meanwhile', () => {
  const link = new Link();
  link.kind();
  link.run(0);
  link.run(61_000);
  link.answers = false;
  assert.equal(link.kind(), 'Proxy');
  assert.equal(link.run(290), 'Proxy');
  assert.equal(link.run(30), 'Other');
});

test('only the link and the family that were asked count', () => {
  const proxies = new Proxies();
  proxies.kindOf(host, vip, 0);
  for (const question of proxies.turn(0).ask) proxies.asked(question, impossible);
  assert.equal(proxies.heard({ ...host, link: 'cali1' }, impossible, 10), false);
  assert.equal(proxies.heard(host, '3fff:fff:ffff::253' as Ip, 10), false);
  assert.equal(proxies.heard(host, impossible, 10), true);
});

test('a question that could not be sent is no question: nothing is known before three were sent', () => {
  const link = new Link();
  link.sends = false;
  link.kind();
  assert.equal(link.run(5_000), 'Unknown');
  assert.ok(link.asked.length <= 52, `${link.asked.length} tries in 5 s`);
  Object.assign(link, { sends: true, answers: false });
  const before = link.asked.length;
  assert.equal(link.run(190), 'Unknown');
  assert.equal(link.run(200), 'Other');
  assert.equal(link.asked.length - before, 3);
});

test('nothing more is asked on a link that has gone', () => {
  const proxies = new Proxies();
  proxies.kindOf(host, vip, 0);
  for (const question of proxies.turn(0).ask) proxies.asked(question, 'NoLink');
  assert.deepEqual(proxies.turn(1_000), { ask: [], isNews: false, nextAt: Number.POSITIVE_INFINITY });
});

test('where no address is impossible, no proxy can be found, and every host is another host', () => {
  const proxies = new Proxies();
  proxies.kindOf(host, vip, 0);
  for (let now = 0; now <= 300; now += 10)
    for (const question of proxies.turn(now).ask) proxies.asked(question, undefined);
  assert.equal(proxies.kindOf(host, vip, 310), 'Other');
});

test('an address that the network of a link uses is not taken for one that was asked for', () => {
  const proxies = new Proxies();
  proxies.kindOf(host, vip, 0);
  // The link has a subnet of documentation: there another address is asked for.
  for (const question of proxies.turn(0).ask) proxies.asked(question, '198.51.100.253' as Ip);
  assert.equal(proxies.isQuestion(impossible, 'eth0'), false);
  assert.equal(proxies.heard(host, impossible, 10), false);
  assert.equal(proxies.isQuestion('198.51.100.253', 'eth0'), true);
  assert.equal(proxies.isQuestion('198.51.100.253', 'eth1'), false);
});

test('an address of the own subnet is possible: another one is asked for', () => {
  const at = (address: string, prefix: number) => [{ address: address as Ip, prefix }];
  assert.equal(impossibleOn('IPv4', []), impossible);
  assert.equal(impossibleOn('IPv4', at('203.0.113.1', 24)), '198.51.100.253');
  assert.equal(impossibleOn('IPv4', at('0.0.0.0', 0)), undefined);
  assert.equal(impossibleOn('IPv6', at('3fff::1', 16)), '100::ffff:253');
});

test('a flood of made-up hosts leads to no more than ten questions a second, and to a bounded memory', () => {
  const proxies = new Proxies();
  let asked = 0;
  let others = 0;
  for (let now = 0; now < 10_000; now++) {
    const mac = `02:66:00:00:${(now >> 8).toString(16)}:${(now & 255).toString(16)}`;
    if (proxies.kindOf({ ...host, mac }, vip, now) === 'Other') others++;
    asked += proxies.turn(now).ask.length;
  }
  assert.ok(asked <= 101, `${asked} questions`);
  assert.ok(others >= 8_000, `${others} hosts were not asked`);
});
