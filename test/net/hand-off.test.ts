/** Hand-off `NodePort` on a real kernel: the server of the node port serves the VIP. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { loadPath, nftIn, own, type PathLab, pathOf, startPathLab, vipPath, vips } from './path-lab.ts';

let lab: PathLab;

before(async () => {
  lab = await startPathLab();
  for (const protocol of ['tcp', 'udp'] as const) {
    for (const port of [30_080, 30_081]) await lab.nodeEnd.serve(protocol, port);
  }
});
after(() => lab?.close());

const handed = ['tcp/80>30080', 'udp/80>30080', 'tcp/443>30081', 'udp/53>30081'];
const both = pathOf({ vips: Object.values(vips).map((vip) => vipPath(vip, ...handed)) });
const client = { IPv4: '10.99.0.1', IPv6: 'fd99::1' } as const;
const families = ['IPv4', 'IPv6'] as const;
const ports = [
  ['tcp', 80],
  ['udp', 80],
  ['tcp', 443],
  ['udp', 53],
] as const;

/**
 * Asserts that the client gets an answer at port 80, or that it gets none before a later request to
 * another port is answered.
 */
async function assertServed(protocol: 'tcp' | 'udp', host: string, isServed: boolean): Promise<void> {
  const [target, other] = [{ host, port: 80 }, { protocol: 'tcp', host, port: 443 } as const];
  const { clientEnd } = lab;
  const { text, error } = await (isServed
    ? clientEnd.ask(protocol, target)
    : clientEnd.outrun(protocol, target, other));
  const expected = isServed ? [true, undefined] : [false, 'Silent'];
  assert.deepEqual([text !== undefined, error], expected, `${protocol} ${host}`);
}

test('hand-off NodePort serves the VIP by the node port: TCP and UDP, IPv4 and IPv6, several ports', async () => {
  loadPath(lab.node, both);
  for (const family of families) {
    for (const [protocol, port] of ports) {
      // A connected socket accepts packets from the VIP's port only.
      const { text, error } = await lab.clientEnd.ask(protocol, { host: vips[family], port });
      assert.equal(text, `${client[family]} hello`, `${family} ${protocol} ${port}: ${error}`);
    }
  }
});

test('hand-off NodePort leaves the node port itself unchanged', async () => {
  loadPath(lab.node, both);
  for (const family of families) {
    for (const protocol of ['tcp', 'udp'] as const) {
      const { text } = await lab.clientEnd.ask(protocol, { host: own[family], port: 30_080 });
      assert.equal(text, `${client[family]} hello`, `${family} ${protocol}`);
    }
  }
});

test('a connection that begins on the node itself reaches the VIP and is answered from it', async () => {
  loadPath(lab.node, both);
  for (const family of families) {
    for (const [protocol, port] of ports) {
      const { text, error } = await lab.nodeEnd.ask(protocol, { host: vips[family], port });
      assert.match(text ?? '', / hello$/, `${family} ${protocol} ${port}: ${error}`);
    }
  }
});

test('a connection that begins on the node itself reaches the VIP also if the endpoint is on another host', async () => {
  loadPath(lab.node, both);
  for (const [table, family] of [
    ['ip', 'IPv4'],
    ['ip6', 'IPv6'],
  ] as const) {
    const rule = `tcp dport 30081 dnat to ${family === 'IPv4' ? client.IPv4 : `[${client.IPv6}]`}:8080`;
    nftIn(lab.node, `table ${table} proxy {\n chain out {\n type nat hook output priority -100\n ${rule}\n }\n}`);
  }
  await lab.clientEnd.serve('tcp', 8080);
  for (const family of families) {
    const { text, error } = await lab.nodeEnd.ask('tcp', { host: vips[family], port: 443 });
    assert.equal(text, `${own[family]} hello`, `${family}: ${error}`);
  }
  nftIn(lab.node, 'delete table ip proxy\ndelete table ip6 proxy');
});

test('a client may use one source port for the VIP and for the node port at the same time', async () => {
  loadPath(lab.node, both);
  for (const [i, family] of families.entries()) {
    const localPort = 20_100 + i;
    const targets = [
      { host: vips[family], port: 80, localPort },
      { host: own[family], port: 30_080, localPort },
    ];
    for (const [j, target] of targets.entries()) {
      assert.equal((await lab.clientEnd.open(`${family} ${j}`, target)).error, undefined, `${family} ${target.host}`);
    }
    for (const round of ['first', 'second']) {
      for (const j of targets.keys()) {
        assert.match((await lab.clientEnd.say(`${family} ${j}`, round)).text ?? '', new RegExp(` ${round}$`));
      }
    }
  }
});

test('loadBalancerSourceRanges: a client outside of all ranges is dropped, CIDR or first-last, IPv4 and IPv6', async () => {
  const rows = [
    { family: 'IPv4', from: '10.99.0.0/24', served: true },
    { family: 'IPv4', from: '10.98.0.0/16,10.99.0.1/32', served: true },
    { family: 'IPv4', from: '10.99.0.0-10.99.0.1', served: true },
    { family: 'IPv4', from: '10.99.0.2-10.99.0.9', served: false },
    { family: 'IPv4', from: '10.98.0.0/16', served: false },
    { family: 'IPv4', from: '', served: false },
    { family: 'IPv6', from: 'fd99::/64', served: true },
    { family: 'IPv6', from: 'fd99::1-fd99::1:0', served: true },
    { family: 'IPv6', from: 'fd99::2-fd99::9', served: false },
    { family: 'IPv6', from: 'fd98::/64', served: false },
  ] as const;
  for (const { family, from, served } of rows) {
    const guarded = ['tcp/80>30080', 'udp/80>30080'].map((port) => `${port} from ${from}`);
    loadPath(lab.node, pathOf({ vips: [vipPath(vips[family], ...guarded, 'tcp/443>30081')] }));
    for (const protocol of ['tcp', 'udp'] as const) await assertServed(protocol, vips[family], served);
    // The other port has no ranges.
    assert.match(`${(await lab.clientEnd.ask('tcp', { host: vips[family], port: 443 })).text}`, / hello$/);
  }
});
