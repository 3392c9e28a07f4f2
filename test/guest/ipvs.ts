/**
 * kube-proxy in IPVS mode puts every VIP on an interface of every node. These tests show that one
 * node answers for it nevertheless.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { addressOf, advertisingMacs, answeringMacs, curl, poolManifest } from '../cluster/berth.ts';
import { outcome } from '../cluster/promises/client.ts';
import { downLab, eventually, type LabHost } from '../lab/cluster.ts';
import { type BareLab, serviceManifest, upBareLab } from './bare-lab.ts';

/**
 * How many of the two kernels answer for an address on another interface, and use it as source of
 * their own requests.
 */
const strays = { ipvs: 2, 'ipvs-strict': 0 } as const;

/** Declares the tests for a mode of kube-proxy, on a cluster of its own. */
export function testIpvs(mode: keyof typeof strays): void {
  const id = mode.replace('-', '');
  let bare: BareLab;
  let vip: string;
  let vip6: string;

  const holder = async (): Promise<LabHost> => {
    const macs = [...(await answeringMacs(bare.lab, vip))];
    assert.equal(macs.length, 1, `${vip} is answered by ${macs.join(', ') || 'no host'}`);
    return bare.lab.nodes.find(({ mac }) => mac === macs[0]) ?? assert.fail(`${macs[0]} is no node's`);
  };
  const other = async () => {
    const { name } = await holder();
    return bare.lab.nodes.find((node) => node.name !== name) ?? assert.fail();
  };
  /** The MAC that the client's kernel has for an address. */
  const neighbor = async (address: string) =>
    /lladdr (\S+)/.exec((await bare.lab.client.exec(['ip', 'neigh', 'show', address])).stdout)?.[1];

  /** Makes a node's kernel resolve the client, by a packet from one of the node's addresses. */
  const ask = async (node: LabHost, from: string, target: string) => {
    await node.exec(['ip', 'neigh', 'flush', 'to', target]);
    await node.exec(['ping', '-c', '2', '-W', '1', '-I', from, target]);
    assert.match((await node.exec(['ip', 'neigh', 'show', target])).stdout, /lladdr/, 'the node has resolved it');
  };

  before(async () => {
    bare = await upBareLab(id, mode);
    const { lab } = bare;
    await lab.apply(poolManifest('main', lab.subnet.vips, lab.subnet.vipsIpv6));
    await lab.apply(serviceManifest(lab, 'one', { ipFamilyPolicy: 'RequireDualStack' }));
    [vip = '', vip6 = ''] = (await addressOf(lab, 'one')).split(' ');
    await eventually('an answer', () => curl(lab, vip), { timeoutMs: 60_000 });
  });
  after(() => (process.env.BERTH_LAB_KEEP === undefined ? downLab(id) : undefined));

  test('every node has the VIP on an interface of its own', async () => {
    for (const node of bare.lab.nodes) {
      await eventually(`${vip} and ${vip6} on ${node.name}`, async () => {
        const { stdout } = await node.exec(['ip', '-o', 'address', 'show', 'dev', 'kube-ipvs0']);
        return stdout.includes(`${vip}/`) && stdout.includes(`${vip6}/`);
      });
    }
  });

  test(`for an address that is no VIP, kernels answer and send requests from it: ${strays[mode]} of 2`, async () => {
    const address = vip.replace(/\d+$/, '251');
    for (const node of bare.lab.nodes) await node.exec(['ip', 'address', 'add', `${address}/32`, 'dev', 'lo']);
    try {
      assert.equal((await answeringMacs(bare.lab, address)).size, strays[mode]);
      const [node = assert.fail()] = bare.lab.nodes;
      await ask(node, address, bare.lab.client.ip);
      assert.equal(await neighbor(address), strays[mode] === 0 ? undefined : node.mac);
    } finally {
      for (const node of bare.lab.nodes) await node.exec(['ip', 'address', 'del', `${address}/32`, 'dev', 'lo']);
    }
  });

  test('one node answers for the VIP, by ARP and NDP', async () => {
    const { mac } = await holder();
    assert.deepEqual(await answeringMacs(bare.lab, vip), new Set([mac]));
    assert.equal((await advertisingMacs(bare.lab, vip6)).size, 1);
  });

  test('no node reports a conflict because of the kernel of another node', async () => {
    const format = 'jsonpath={range .items[*]}{.status.conditions[?(@.type=="Conflict")].reason}{end}';
    assert.equal(await bare.lab.kubectl(['get', 'ipallocations', '-o', format]), '');
    const events = await bare.lab.kubectl(['get', 'events', '-A', '-o', 'jsonpath={.items[*].reason}']);
    assert.doesNotMatch(events, /AddressTaken|AnnouncedByOtherProgram|AddressConflict/);
  });

  test('requests with the VIP as source, from a node that is not the holder, do not mislead the client', async () => {
    const { client, nodes } = bare.lab;
    const [mac6 = ''] = await advertisingMacs(bare.lab, vip6);
    const families = [
      { address: vip, target: client.ip, mac: (await holder()).mac },
      { address: vip6, target: client.ipv6, mac: mac6 },
    ];
    for (const { address, target, mac } of families) {
      const stranger = nodes.find((node) => node.mac !== mac) ?? assert.fail();
      await eventually('the client has the right neighbor', async () => {
        await curl(bare.lab, address);
        return (await neighbor(address)) === mac;
      });
      await ask(stranger, address, target);
      assert.equal(await neighbor(address), mac);
    }
  });

  test('the VIP is served, answers pings, and refuses other ports', async () => {
    const { lab } = bare;
    await eventually('an answer over IPv4', () => curl(lab, vip));
    await eventually('an answer over IPv6', () => curl(lab, vip6));
    await eventually(
      'pings answered',
      async () => (await lab.client.exec(['ping', '-c', '1', '-W', '2', vip])).code === 0,
    );
    assert.equal(await outcome(lab.client, { address: vip, port: 81 }, 'Refused'), 'Refused');
    // A server of the node itself that listens on all addresses serves no port of the VIP.
    assert.notEqual(await outcome(lab.client, { address: vip, port: 10_256 }), 'Answered');
  });

  test('only clients of loadBalancerSourceRanges are served', async () => {
    const { lab } = bare;
    await lab.apply(serviceManifest(lab, 'open', { loadBalancerSourceRanges: [`${lab.client.ip}/32`] }));
    await lab.apply(serviceManifest(lab, 'closed', { loadBalancerSourceRanges: ['192.0.2.0/24'] }));
    const [open, closed] = [await addressOf(lab, 'open'), await addressOf(lab, 'closed')];
    await eventually('an answer', () => curl(lab, open));
    await eventually('one node answers for the closed one', async () => (await answeringMacs(lab, closed)).size === 1);
    assert.notEqual(await outcome(lab.client, { address: closed }), 'Answered');
  });

  test('a VIP that is handed off by NodePort is on no interface, and is served', async () => {
    const { lab } = bare;
    await lab.apply(serviceManifest(lab, 'ported', { annotations: { 'berth.dev/hand-off': 'NodePort' } }));
    const address = await addressOf(lab, 'ported');
    await eventually('an answer', () => curl(lab, address));
    assert.equal((await answeringMacs(lab, address)).size, 1);
    for (const node of lab.nodes) {
      assert.doesNotMatch((await node.exec(['ip', '-o', 'address'])).stdout, new RegExp(` ${address}/`));
    }
  });

  test('a VIP whose Service is deleted is on no interface any more, and no node answers for it', async () => {
    const { lab } = bare;
    const address = await addressOf(lab, 'open');
    await lab.kubectl(['delete', 'service', 'open']);
    await eventually('no answer', async () => (await answeringMacs(lab, address)).size === 0);
    for (const node of lab.nodes) {
      await eventually(`${address} is not on ${node.name}`, async () => {
        return !(await node.exec(['ip', '-o', 'address'])).stdout.includes(` ${address}/`);
      });
    }
    assert.equal((await answeringMacs(lab, address)).size, 0);
  });

  test('a connection outlives a planned move of its VIP', async () => {
    const { lab } = bare;
    const { name } = await other();
    const program = new URL('one-connection.ts', import.meta.url).pathname;
    const child = lab.client.spawn([process.execPath, program, `http://${vip}/hostname`], { stdio: 'pipe' });
    let said = '';
    child.stdout?.on('data', (piece: Buffer) => (said += piece.toString()));
    child.stderr?.on('data', (piece: Buffer) => (said += piece.toString()));
    const answered = (count: number) =>
      eventually(`${count} answers`, () => said.includes(`${count}\n`) || Promise.reject(new Error(`only ${said}`)));
    await answered(3);
    await lab.kubectl(['annotate', 'ipallocation', vip, `berth.dev/move-to=${name}`]);
    await eventually('the VIP has moved', async () => (await holder()).name === name);
    const before = Number(said.trim().split('\n').at(-1));
    await answered(before + 10);
    child.stdin?.end();
    const code = child.exitCode ?? (await new Promise((resolve) => child.once('exit', resolve)));
    assert.equal(code, 0, said);
  });

  test('a VIP whose holder is cut off is taken over and served', async () => {
    const [first, second] = [await holder(), await other()];
    await bare.lab.cutLink(first);
    try {
      await eventually('the other node answers', async () => (await holder()).name === second.name);
      await eventually('an answer', () => curl(bare.lab, vip));
    } finally {
      await bare.lab.restoreLink(first);
    }
    await eventually('one node answers again', async () => (await holder()) !== undefined);
  });
}
