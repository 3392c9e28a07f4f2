/** docs/protocol.md agrees with the code: kinds of messages, fields, times, states and reasons. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { HolderAction, HolderReason } from '../../src/election/view.ts';
import { decodeMessage, encodeMessage } from '../../src/liveness/codec.ts';
import type { Liveness } from '../../src/liveness/failure-detector.ts';
import {
  type Addressee,
  type Claim,
  type ClaimDelta,
  type ClaimsDigest,
  type Heartbeat,
  type Incarnation,
  type Message,
  mostResults,
  type PeerLink,
  type ProbeReport,
  type ProbeResult,
  probeOutcomes,
  ruleVersion,
  type SpeakerState,
  times,
  wireVersion,
} from '../../src/liveness/messages.ts';
import { Peers } from '../../src/liveness/peers.ts';

const page = readFileSync('docs/protocol.md', 'utf8');

/** The rows of the tables below a heading, as lists of cells. The first cell has no quotes. */
function rowsOf(heading: string): readonly (readonly string[])[] {
  const section = page.split(/^##+ /m).find((part) => part.startsWith(`${heading}\n`)) ?? assert.fail(heading);
  const lines = section
    .split('\n')
    .filter((line) => line.startsWith('| ') && !/^\| *(name|field|type|word) /.test(line));
  return lines.map((line) =>
    line
      .slice(2, -2)
      .split(' | ')
      .map((cell) => cell.replace(/^`([^`]+)`$/, '$1')),
  );
}

const names = (rows: readonly (readonly string[])[]) => rows.map(([name = '']) => name);
const sorted = (words: Iterable<string>) => [...words].sort();
const wordsIn = (text: string) => [...text.matchAll(/`(\w+)`/g)].map(([, word = '']) => word);

const from: Incarnation = { node: 'n2', incarnation: '2'.repeat(16) };
const to: Addressee = { node: 'n1', incarnation: '1'.repeat(16), newest: '1'.repeat(16) };
const total: ClaimsDigest = { count: 1, sum: 7 };
const envelope = { from, to, sequence: 1, total };
const link: Required<PeerLink> = {
  ...{ name: 'eth0', mac: '02:00:00:00:00:01', addresses: ['192.0.2.1/24'], blocked: [], quiet: true },
};
const claim: Required<Claim> = { uid: 'u', term: 1, isolated: true, leaving: true, leavingTo: 'n3' };
const result: ProbeResult = { uid: 'u', term: 1, outcome: 'Verified', detail: '80' };

/** A message of each kind, with every field that it can have. */
const samples = {
  Heartbeat: {
    kind: 'Heartbeat',
    ...envelope,
    ...{ rules: ruleVersion, state: 'Serving', nextMs: 100, ages: { loop: 0, worker: 0 }, links: [link] },
    ...{ linksPart: { list: 1, part: 0, parts: 1 }, heard: [['n3', 10]], wantsClaims: false },
  } satisfies Required<Heartbeat>,
  Claims: {
    kind: 'Claims',
    ...envelope,
    ...{ claims: [claim], dropped: ['v'], fullSync: { list: 1, part: 0, parts: 1 } },
  } satisfies Required<ClaimDelta>,
  ProbeReport: { kind: 'ProbeReport', ...envelope, roundMs: 1, results: [result] } satisfies Required<ProbeReport>,
} as const;

type Fields = Readonly<Record<string, unknown>>;

const sent = (message: Message) => JSON.parse(encodeMessage(message)) as Fields;

/**
 * The fields of a message in the tables below a heading, without the fields that every message has.
 */
function fieldsBelow(heading: string): readonly (readonly string[])[] {
  return rowsOf(heading).filter(([name = '', type]) => type !== undefined && /^[a-z]/.test(name));
}

const shared = fieldsBelow('Every message').filter((row) => row.length === 3);

test('the page has every kind of message, and no other', () => {
  const [, , meaning = ''] = shared.find(([name]) => name === 'kind') ?? [];
  assert.deepEqual(wordsIn(meaning), Object.keys(samples));
});

test('the page has every field of every message, and no other', () => {
  for (const [kind, message] of Object.entries(samples)) {
    const told = [...names(shared), ...names(fieldsBelow(kind).filter((row) => row.length === 3))];
    assert.deepEqual(sorted(told), sorted(Object.keys(sent(message))), kind);
  }
});

test('a message that lacks a field of the page is dropped; only the number of a part may be absent', () => {
  for (const [kind, message] of Object.entries(samples)) {
    const whole = sent(message);
    assert.notEqual(decodeMessage(JSON.stringify(whole)), undefined, kind);
    for (const name of Object.keys(whole)) {
      const { [name]: _, ...rest } = whole;
      const isRead = decodeMessage(JSON.stringify(rest)) !== undefined;
      assert.equal(isRead, name === 'fullSync' || name === 'linksPart', `${kind} without ${name}`);
    }
  }
});

/** The types that the page uses, with a test of the JSON value for each. */
const typeTests: readonly (readonly [RegExp, (value: unknown) => boolean])[] = [
  [/^(number|count)$/, (value) => typeof value === 'number'],
  [/^text$/, (value) => typeof value === 'string'],
  [/^boolean$/, (value) => typeof value === 'boolean'],
  [/^(map|Incarnation|Addressee|Digest)$/, (value) => typeof value === 'object' && !Array.isArray(value)],
  [/^list of \w+$/, Array.isArray],
];

test('every field has the type that the page names, and a value of another type makes the message unreadable', () => {
  for (const [kind, message] of Object.entries(samples)) {
    const whole = sent(message);
    for (const [name = '', type = ''] of [...shared, ...fieldsBelow(kind).filter((row) => row.length === 3)]) {
      const [, isOfType = assert.fail(`${name} is a ${type}`)] = typeTests.find(([known]) => known.test(type)) ?? [];
      assert.ok(isOfType(whole[name]), `${kind}: ${name} is no ${type}`);
      const wrong = [typeof whole[name] === 'number' ? '1' : 0, ...(type === 'count' ? [1.5] : [])];
      for (const value of wrong) {
        const changed = JSON.stringify({ ...whole, [name]: value });
        assert.equal(decodeMessage(changed), undefined, `${kind}: ${name} is ${value}`);
      }
    }
  }
});

test('the parts of messages have the fields of the page', () => {
  const told = (heading: string, type: string) =>
    wordsIn(rowsOf(heading).find(([name, ...rest]) => name === type && rest.length === 1)?.[1] ?? assert.fail(type));
  assert.deepEqual(told('Every message', 'Incarnation'), Object.keys(from));
  assert.deepEqual(told('Every message', 'Addressee'), Object.keys(to));
  assert.deepEqual(told('Every message', 'Digest'), Object.keys(total));
  assert.deepEqual(
    told('Heartbeat', 'Link').filter((word) => word in link),
    Object.keys(link),
  );
  assert.deepEqual(told('Claims', 'Claim'), ['uid', 'term', 'leavingTo']);
  assert.deepEqual(sent(samples.Claims).claims, [['u', 1, 1 | 2, 'n3']], 'flags: 1 is isolated, 2 is leaving');
  assert.deepEqual(told('ProbeReport', 'Result'), ['uid', 'term', 'outcome', 'detail']);
  assert.deepEqual(sent(samples.ProbeReport).results, [['u', 1, 'Verified', '80']]);
});

test('the versions and outcomes of the page are the real ones', () => {
  const meaningOf = (heading: string, field: string) => rowsOf(heading).find(([name]) => name === field)?.[2] ?? '';
  assert.match(meaningOf('Every message', 'version'), new RegExp(`: ${wireVersion}\\.`));
  assert.match(meaningOf('Heartbeat', 'rules'), new RegExp(`: ${ruleVersion}\\.`));
  assert.match(meaningOf('ProbeReport', 'results'), new RegExp(`At most ${mostResults}\\.`));
  assert.deepEqual(
    names(rowsOf('ProbeReport')).filter((name) => /^[A-Z]\w+[a-z][A-Z]?\w*$/.test(name) && name !== 'Result'),
    [...probeOutcomes],
  );
});

test('the times of the page are the real ones', () => {
  const told = rowsOf('Times')
    .filter((row) => row.length === 3)
    .map(([name, ms]) => [name, Number(ms)]);
  assert.deepEqual(told, Object.entries(times));
});

test('the other numbers of the page are those of the files that it names', () => {
  const told = rowsOf('Times').filter((row) => row.length === 4);
  assert.ok(told.length >= 15);
  for (const [name, value, file = ''] of told) {
    const [, text = ''] =
      new RegExp(`^(?:export )?const ${name} = ([\\d_.]+);`, 'm').exec(readFileSync(file, 'utf8')) ?? [];
    assert.equal(Number(text.replaceAll('_', '')), Number(value), `${name} of ${file}`);
  }
});

test('the port of the page is the default port of the chart', () => {
  const [, port] = /UDP, port (\d+)/.exec(page) ?? [];
  assert.match(readFileSync('charts/berth/values.yaml', 'utf8'), new RegExp(`livenessPort: ${port}\\b`));
});

const states: Readonly<Record<SpeakerState, true>> = {
  Listening: true,
  Serving: true,
  Restarting: true,
  Draining: true,
};
const livenesses: Readonly<Record<Liveness, true>> = { Unknown: true, Alive: true, Restarting: true, Dead: true };
const actions: Readonly<Record<HolderAction['kind'], true>> = { Hold: true, StandIn: true, Silent: true };
const reasons: Readonly<Record<HolderReason, true>> = {
  ...{ Listening: true, NotHolder: true, AwaitingClaim: true, ConfirmingHolderDown: true },
  ...{ HolderStillAnswers: true, LivenessBlocked: true, NoCandidate: true },
};

/** The text diagrams below a heading. */
function diagramsOf(heading: string): string {
  const section = page.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? assert.fail(heading);
  return [...section.matchAll(/^```\n(.*?)^```/gms)].map(([, text = '']) => text).join('');
}

/** One peer, which sends heartbeats or is silent. */
class HeardPeer {
  readonly #peers = new Peers({ node: to.node, incarnation: to.incarnation });
  #sequence = 0;
  #now = 1_000;

  /** The peer sends a heartbeat. */
  says(state: SpeakerState): this {
    const beat: Heartbeat = { ...samples.Heartbeat, state, sequence: ++this.#sequence };
    assert.equal(this.#peers.receive(beat, 'eth0', this.#now), 'Taken');
    return this;
  }

  /** No heartbeat arrives for this time. */
  silentFor(ms: number): this {
    this.#now += ms;
    return this;
  }

  /** The peer's node has no speaker any more. */
  forgotten(): this {
    this.#peers.keepOnly(() => false);
    return this;
  }

  get liveness(): Liveness {
    return this.#peers.livenessOf(from.node, this.#now);
  }
}

/**
 * The transitions of a peer's state, by number: the first function leads to the state before, the
 * second one makes the transition.
 */
const moves: Readonly<Record<string, readonly [(peer: HeardPeer) => HeardPeer, (peer: HeardPeer) => HeardPeer]>> = {
  1: [(peer) => peer, (peer) => peer.says('Serving')],
  2: [(peer) => peer.says('Serving'), (peer) => peer.says('Restarting')],
  3: [(peer) => peer.says('Restarting'), (peer) => peer.says('Serving')],
  4: [(peer) => peer.says('Restarting').silentFor(times.restart - 1), (peer) => peer.silentFor(1)],
  5: [(peer) => peer.says('Serving').silentFor(times.dead - 1), (peer) => peer.silentFor(1)],
  6: [(peer) => peer.says('Serving').silentFor(times.dead), (peer) => peer.says('Serving')],
  7: [(peer) => peer.says('Serving').silentFor(times.dead), (peer) => peer.forgotten()],
};

test('a peer makes every transition of the page', () => {
  const rows = rowsOf("A peer's state").filter(([number = '']) => /^\d$/.test(number));
  assert.deepEqual(names(rows), Object.keys(moves));
  for (const [number = '', before = '', after = ''] of rows) {
    const [prepare, move] = moves[number] ?? assert.fail();
    const peer = prepare(new HeardPeer());
    if (before !== 'any') assert.equal(peer.liveness, before, number);
    assert.notEqual(peer.liveness, after, number);
    assert.equal(move(peer).liveness, after, number);
  }
});

test('each state machine of the page has every state of the code, and no other', () => {
  const own = names(rowsOf("A speaker's own state")).filter((name) => name !== 'state');
  assert.deepEqual(sorted(own), sorted(Object.keys(states)));
  const { Draining: _, ...drawn } = states;
  for (const state of Object.keys(drawn))
    assert.match(diagramsOf("A speaker's own state"), new RegExp(`\\b${state}\\b`));
  for (const state of Object.keys(livenesses)) assert.match(diagramsOf("A peer's state"), new RegExp(`\\b${state}\\b`));
  for (const action of Object.keys(actions))
    assert.match(diagramsOf('A VIP on one node'), new RegExp(`\\b${action}\\b`));
  const told = names(rowsOf('A VIP on one node')).filter((name) => name !== 'reason');
  assert.deepEqual(sorted(told), sorted(Object.keys(reasons)));
});

test('the rules are numbered without a gap, and every file that the page names exists', () => {
  const rules = [...page.matchAll(/^(\d+)\. /gm)].map(([, number]) => Number(number));
  assert.deepEqual(
    rules,
    Array.from(rules, (_, i) => i + 1),
  );
  for (const [, file = ''] of page.matchAll(/`((?:src|test)\/[\w./-]+)`/g)) assert.ok(existsSync(file), file);
});
