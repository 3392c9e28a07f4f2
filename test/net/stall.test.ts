/** A process that stood still: what waited for it is not answered, and nothing is until it knows again what the node holds. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '../lab/poll.ts';
import { type FrameLab, requestFor, startFrameLab } from './frame-lab.ts';
import { type LineProcess, startLineProcess } from './line-process.ts';
import { createPair, ip, linkName, nodeMac, type Pair } from './namespaces.ts';

const vip = '10.99.1.1';
const last = '10.99.1.99';

let lab: FrameLab;

beforeEach(async () => {
  lab = await startFrameLab();
  await lab.answer(vip, last);
  await lab.send(requestFor(vip));
  await lab.replyFrom(vip);
});
afterEach(() => lab?.close());

/** Does it so often, 50 times a second. */
async function paced(count: number, ask: () => Promise<unknown>): Promise<void> {
  for (let asked = 0; asked < count; asked++) {
    await ask();
    await delay(20);
  }
}

/** Stops a process. A thread of it runs on until each of them has taken note. */
async function stop({ child: { pid = 0 } }: LineProcess): Promise<void> {
  process.kill(pid, 'SIGSTOP');
  const states = () =>
    readdirSync(`/proc/${pid}/task`).map(
      (thread) => /\) (\S)/.exec(readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8'))?.[1],
    );
  await eventually('every thread stands still', () => states().every((state) => state === 'T'), { everyMs: 1 });
}

/** Stops the responder for a second, in which it is asked for the VIP 50 times. */
async function stall(whileStopped: () => void = () => undefined): Promise<void> {
  await stop(lab.responder);
  await paced(50, () => lab.send(requestFor(vip)));
  whileStopped();
  lab.responder.child.kill('SIGCONT');
}

const repliesFrom = (address: string) =>
  lab.raw.said.filter(({ arp }) => (arp as { senderIp?: string } | undefined)?.senderIp === address).length;

test('B1 after a stall nothing is answered, of what waited and of what comes, before it is decided anew', async () => {
  const { Answered: before = Number.NaN } = await lab.counters();
  await lab.responder.ask({ do: 'onStall', takesMs: 500 }, 'done');
  // Whatever the order in which the process reads this and hears of its stall: it was decided on before.
  const applyAgain = () =>
    lab.responder.child.stdin?.write(`${JSON.stringify({ do: 'apply', links: { [linkName]: [vip, last] } })}\n`);
  await stall(applyAgain);
  const decided = () => lab.responder.said.find(({ kind }) => kind === 'decided');
  let asked = 50;
  for (; decided() === undefined && asked < 150; asked++) await paced(1, () => lab.send(requestFor(vip)));
  const { Answered: answered, Stalled: stalled } = decided() ?? assert.fail();
  assert.equal(answered, before);
  assert.ok(Number(stalled) >= 60 && Number(stalled) <= asked, `${stalled} of ${asked} questions were dropped`);
  // And then it goes on as before. The worker hears of the decision a moment later than the test does: ask until then.
  const replies = repliesFrom(vip);
  await eventually('an answer', async () => {
    await lab.send(requestFor(vip));
    return repliesFrom(vip) > replies;
  });
});

test('B1 a stall whose decision gives the VIP up answers nothing for it any more', async () => {
  await lab.responder.ask({ do: 'onStall', links: { [linkName]: [last] } }, 'done');
  const replies = repliesFrom(vip);
  await stall();
  await lab.responder.next('decided');
  await eventually('the other VIP is answered, and this one is known not to be', async () => {
    await lab.send(requestFor(vip));
    await lab.send(requestFor(last));
    return repliesFrom(last) > 0 && ((await lab.counters()).NotOurVip ?? 0) > 0;
  });
  assert.equal(repliesFrom(vip), replies);
});

test('B1 a node whose thread is late again and again goes on as soon as its own decision stands', async () => {
  for (let stalls = 1; stalls <= 5; stalls++) {
    await stop(lab.responder);
    await paced(20, () => lab.send(requestFor(vip)));
    const replies = repliesFrom(vip);
    lab.responder.child.kill('SIGCONT');
    await lab.responder.next('decided');
    await eventually(
      `an answer after stall ${stalls}`,
      async () => {
        await lab.send(requestFor(vip));
        return repliesFrom(vip) > replies;
      },
      { timeoutMs: 5_000, everyMs: 20 },
    );
  }
});

test('B1 a node that slept while another one took its VIP wakes up silent, and stays so', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-stall-'));
  const keyFile = join(folder, 'keys');
  writeFileSync(keyFile, Buffer.alloc(32, 7).toString('base64'));
  const pair = createPair();
  const third = addThird(pair);
  const speakerOf = (node: string, namespace: string) =>
    startLineProcess({ namespace, file: './holding-process.ts', args: [node, keyFile, vip] });
  const raw = startLineProcess({ namespace: pair.client, file: './frame-process.ts' });
  const [n1, n2, n3] = [speakerOf('n1', pair.node), speakerOf('n2', pair.client), speakerOf('n3', third.name)];
  const holds = ({ said }: LineProcess) => said.findLast(({ kind }) => kind === 'holds')?.vips as string[] | undefined;
  const answers = () => raw.said.filter(({ arp }) => isAnswerOfNode(arp)).length;
  const ask = () => raw.ask({ send: Buffer.from(requestFor(vip)).toString('hex') }, 'sent');
  try {
    await raw.next('ready');
    await eventually('the first node holds the VIP', () => holds(n1)?.length === 1 && holds(n2)?.length === 0);
    await eventually('it answers', async () => {
      await ask();
      return answers() > 0;
    });
    await stop(n1);
    await eventually('the other node takes the VIP', () => holds(n2)?.length === 1);
    const before = answers();
    await paced(50, ask);
    n1.child.kill('SIGCONT');
    await n1.next('stalled');
    // For three times as long as it may hear the others out.
    await paced(75, ask);
    const { NotOurVip: notOurs, Stalled: stalled } = await n1.ask({}, 'closed');
    assert.equal(answers(), before);
    assert.deepEqual([holds(n1), holds(n2)], [[], [vip]]);
    assert.ok(Number(stalled) >= 50 && Number(notOurs) > 0, `${stalled} dropped, ${notOurs} for others`);
  } finally {
    for (const process of [n1, n2, n3, raw]) process.close();
    third.close();
    pair.close();
    rmSync(folder, { recursive: true });
  }
});

function isAnswerOfNode(arp: unknown): boolean {
  const { senderIp, senderMac } = (arp ?? {}) as { readonly senderIp?: string; readonly senderMac?: string };
  return senderIp === vip && senderMac === nodeMac;
}

/** A node that only the client's side of a pair can hear. */
function addThird({ client }: Pair): { readonly name: string; readonly close: () => void } {
  const name = `${client}3`;
  ip(`netns add ${name}`);
  ip(`-n ${client} link add v1 type veth peer name v1 netns ${name}`);
  for (const [namespace, address] of [
    [client, '10.98.0.1/24'],
    [name, '10.98.0.2/24'],
  ]) {
    ip(`-n ${namespace} address add ${address} dev v1`);
    ip(`-n ${namespace} link set v1 up`);
  }
  return { name, close: () => ip(`netns del ${name}`) };
}
