/**
 * Tables of the decisions of a node about one VIP. A row has what the node knows, as words, and the
 * decision, in one line. The node is `me`. The ranks are given, so that no row depends on a hash.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Ip } from '../../../src/addr/ip.ts';
import { decideHolders } from '../../../src/election/decide-holders.ts';
import type { Candidate, HolderDecision, HolderView, Vip } from '../../../src/election/view.ts';
import { RendezvousRanking } from '../../../src/hash/rendezvous.ts';
import type { Claim } from '../../../src/liveness/messages.ts';

/**
 * What `me` knows when it decides. Everything that a row leaves out is as in a healthy cluster of
 * three nodes.
 */
export interface Known {
  /** By node: `TERM`, and then `alone`, `leaving` or `leaving-to-NODE`. */
  readonly claims?: Readonly<Record<string, string>>;
  /** The holder on record, as `NODE TERM`. */
  readonly record?: string;
  /** The claim from before a restart, as `NODE TERM`. */
  readonly former?: string;
  /** The highest term of a claim to the VIP that was ever heard, if no claim in `claims` has it. */
  readonly seen?: number;
  /** By node: what was heard of it and on the wire, as words of {@link heardAs}. */
  readonly heard?: Readonly<Record<string, string>>;
  /**
   * The state of `me`, as words: `listening`, `isolated`, `minority`, `incomplete` (not all claims of peers are
   * known), `damped`.
   */
  readonly state?: string;
  /** Whether this VIP is answered for on the wire. */
  readonly wire?: 'Answered' | 'Unanswered';
  /** How long the VIP has waited. */
  readonly waitedMs?: number;
  /** The nodes in the order of their scores. */
  readonly ranks?: string;
  /** Nodes that have no link for the VIP, and nodes that no advertisement selects. */
  readonly linkless?: string;
  readonly unselected?: string;
  readonly moveTo?: string;
}

/**
 * A rule, an instance of it, and the decision: `Hold TERM ...`, `StandIn NODE`, or the reason for
 * silence and the holder.
 */
export type Row = readonly [rule: string, known: Known, decided: string];

const now = 100_000;
const uid = 'u';
const address = '192.0.2.10' as Ip;

const alive: Candidate = {
  ...{ liveness: 'Alive', gains: true, gainsSoon: false, draining: false, backAt: 0 },
  ...{ answersOnWire: false, silentOnWire: false },
};
const gone = { gains: false } as const;

/** What each word means for a node. */
const heardAs: Readonly<Record<string, Partial<Candidate>>> = {
  alive: {},
  dead: { liveness: 'Dead', ...gone },
  unknown: { liveness: 'Unknown', ...gone },
  restarting: { liveness: 'Restarting', ...gone },
  starting: { liveness: 'Restarting', ...gone, gainsSoon: true },
  'answers-on-wire': { answersOnWire: true },
  'silent-on-wire': { silentOnWire: true },
  draining: { draining: true, gains: false },
  slow: gone,
  unheard: { unheard: true, ...gone },
  back: { backAt: now - 100 },
};

const states = ['listening', 'isolated', 'minority', 'incomplete', 'damped'];

/** A ranking that is given by the row. */
class GivenRanks extends RendezvousRanking {
  readonly #ranks: readonly string[];

  constructor(ranks: readonly string[]) {
    super();
    this.#ranks = ranks;
  }

  override first(_: Ip, candidates: readonly string[], accepts: (node: string) => boolean): string | undefined {
    return this.#ranks.find((node) => candidates.includes(node) && accepts(node));
  }

  override order(_: string, candidates: readonly string[]): readonly string[] {
    return this.#ranks.filter((node) => candidates.includes(node));
  }

  override score(_: Ip, node: string): number {
    return -this.#ranks.indexOf(node);
  }
}

const words = (text = '') => text.split(' ').filter((word) => word !== '');

function claimOf(text: string): Claim {
  const [term, ...facts] = words(text);
  const to = facts.find((fact) => fact.startsWith('leaving-to-'))?.slice('leaving-to-'.length);
  const leaving = to !== undefined || facts.includes('leaving');
  const claim = { uid, term: Number(term), isolated: facts.includes('alone'), leaving };
  return to === undefined ? claim : { ...claim, leavingTo: to };
}

function heldBy(text: string | undefined): { readonly node: string; readonly term: number } | undefined {
  const [node, term] = words(text);
  return node === undefined ? undefined : { node, term: Number(term) };
}

function viewOf(known: Known): HolderView {
  const ranks = words(known.ranks ?? 'me n2 n3');
  const nodes = new Map(
    ranks.map((node): [string, Candidate] => {
      const facts = words(known.heard?.[node]).map((word) => heardAs[word] ?? assert.fail(`no word ${word}`));
      const liveness = node === 'me' ? 'Self' : 'Alive';
      return [node, Object.assign({ ...alive, liveness }, ...facts)];
    }),
  );
  const claims = new Map(Object.entries(known.claims ?? {}).map(([node, text]) => [node, claimOf(text)]));
  const [record, former] = [heldBy(known.record), heldBy(known.former)];
  const state = words(known.state);
  assert.deepEqual(
    state.filter((word) => !states.includes(word)),
    [],
  );
  const vip: Vip = {
    ...{ uid, address, recorded: record, moveTo: known.moveTo },
    eligible: new Set(ranks.filter((node) => !words(known.unselected).includes(node))),
    serves: (node) => !words(known.linkless).includes(node),
    linksOf: (node) => (words(known.linkless).includes(node) ? [] : ['eth0']),
  };
  const able = (pick: (one: Candidate) => boolean) => [...nodes].flatMap(([node, one]) => (pick(one) ? [node] : []));
  return {
    ...{ self: 'me', now, ranking: new GivenRanks(ranks), vips: [vip], total: 1, loads: () => new Map(), nodes },
    gaining: { now: able(({ gains }) => gains), soon: able(({ gains, gainsSoon }) => gains || gainsSoon) },
    claimsTo: () => claims,
    formerOf: () => former,
    termOf: () => Math.max(known.seen ?? 0, ...[...claims.values()].map(({ term }) => term)),
    ...{ listening: state.includes('listening'), isolated: state.includes('isolated') },
    minority: state.includes('minority'),
    complete: !state.includes('incomplete'),
    wire: () => known.wire,
    waiting: new Map(known.waitedMs === undefined ? [] : [[uid, now - known.waitedMs]]),
    damped: () => state.includes('damped'),
  };
}

function textOf({ action, term, holder, claim, waits, probe, damped }: HolderDecision): string {
  const said = claim && [
    claim.isolated && 'alone',
    claim.leaving && 'leaving',
    claim.leavingTo && `to ${claim.leavingTo}`,
  ];
  const what = { Hold: `Hold ${term}`, StandIn: `StandIn ${holder}`, Silent: '' }[action.kind];
  return [
    ...(action.kind === 'Silent' ? [action.reason, holder ?? '-'] : [what]),
    ...(said ?? []),
    ...((action.kind === 'Silent' && claim && [`claims ${claim.term}`]) || []),
    ...[probe && `probes ${probe.node ?? 'any-host'}`, waits && 'waits', damped && 'damped'],
  ]
    .filter((word) => word !== undefined && word !== false && word !== '')
    .join(' ');
}

/** The text of a decision does not show that a field is missing, or which node is the holder where `me` holds. */
function assertWhole({ action, claim, holder, term, waits, damped }: HolderDecision, rule: string): void {
  assert.deepEqual([typeof waits, typeof damped], ['boolean', 'boolean'], rule);
  if (action.kind === 'Hold') assert.deepEqual([holder, claim?.uid, claim?.term], ['me', uid, term], rule);
}

/** Declares one test for each table. It fails if a row is decided differently. */
export function table(name: string, rows: readonly Row[]): void {
  test(name, () => {
    const decided = rows.map(([rule, known]) => {
      const decisions = decideHolders(viewOf(known));
      assert.equal(decisions.length, 1, rule);
      for (const decision of decisions) assertWhole(decision, rule);
      return [rule, ...decisions.map(textOf)];
    });
    assert.deepEqual(
      decided,
      rows.map(([rule, , expected]) => [rule, expected]),
    );
  });
}
