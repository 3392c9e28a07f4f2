/** Evaluates the prober's lines for a span of time. Pure. */
import { type Absence, type Attempt, pace, type Question, type Stall, type Told } from './told.ts';

/** The attempts of one second. */
export interface Second {
  readonly attempts: number;
  readonly failed: number;
  readonly slow: number;
}

/** The results for a span. */
export interface Findings {
  /** The longest time from the start of one good attempt to the start of the next. */
  readonly outageMs: number;
  /** The longest time from one ARP request with an answer to the next one. */
  readonly arpGapMs: number;
  /** The times in that gap when the machine made a process with work to do wait. They count from the start of the gap. */
  readonly arpStalls: readonly Span[];
  /** For how long two hosts answered at the same time. */
  readonly twoMacsMs: number;
  /** The MACs that were the only answer to a request, in order of time, without repetitions in a row. */
  readonly macs: readonly string[];
  readonly seconds: readonly Second[];
  readonly total: Second;
  /** The number of failures, by kind. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** The longest time for which the prober itself did not run. */
  readonly absentMs: number;
}

/** A span of time. An event belongs to it if it begins within it. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** An attempt that took longer is not a good one: its first packet was lost. */
export const slowMs = 500;

/** The results of the prober's lines for a span. */
export function findingsOf(told: readonly Told[], span: Span): Findings {
  const attempts = ofKind<Attempt>(told, 'attempt').sort((a, b) => a.at - b.at);
  const questions = ofKind<Question>(told, 'question');
  const here = attempts.filter(within(span));
  const answered = questions.filter(({ macs }) => macs.length > 0);
  const silence = longestGap(answered, span);
  return {
    outageMs: lengthOf(longestGap(attempts.filter(isGood), span)),
    arpGapMs: lengthOf(silence),
    arpStalls: stallsIn(silence, ofKind<Stall>(told, 'stall')),
    twoMacsMs: answered.filter(within(span)).filter(({ macs }) => macs.length > 1).length * pace.questionMs,
    macs: sequenceOf(answered, span),
    seconds: Array.from({ length: Math.ceil((span.to - span.from) / 1_000) }, (_, i) => {
      const from = span.from + i * 1_000;
      return sumOf(here.filter(within({ from, to: from + 1_000 })));
    }),
    total: sumOf(here),
    outcomes: countsOf(here.filter(({ outcome }) => outcome !== 'ok').map(({ outcome }) => outcome)),
    absentMs: Math.max(
      0,
      ...ofKind<Absence>(told, 'absence')
        .filter(({ at, ms }) => at + ms >= span.from && at <= span.to)
        .map(({ ms }) => ms),
    ),
  };
}

function ofKind<T extends Told>(told: readonly Told[], kind: T['kind']): T[] {
  return told.filter((one): one is T => one.kind === kind);
}

function within({ from, to }: Span): (one: { readonly at: number }) => boolean {
  return ({ at }) => at >= from && at < to;
}

function isGood({ outcome, ms }: Attempt): boolean {
  return outcome === 'ok' && ms <= slowMs;
}

/** The longest gap that ends within the span, or is still open at its end. */
function longestGap(good: readonly { readonly at: number }[], { from, to }: Span): Span {
  const before = good.findLast(({ at }) => at < from);
  const times = [before?.at ?? from, ...good.map(({ at }) => at).filter((at) => at >= from && at < to)];
  const gaps = times.map((at, i): Span => ({ from: at, to: times[i + 1] ?? Math.max(at, to - 2 * pace.attemptMs) }));
  return gaps.reduce((longest, gap) => (lengthOf(gap) > lengthOf(longest) ? gap : longest));
}

function lengthOf({ from, to }: Span): number {
  return to - from;
}

function stallsIn({ from, to }: Span, stalls: readonly Stall[]): readonly Span[] {
  const parts = stalls.map(({ at, ms }) => ({ from: Math.max(from, at) - from, to: Math.min(to, at + ms) - from }));
  return parts.filter((part) => lengthOf(part) > 0);
}

/** If two hosts answered, their order is unknown. So only requests with one answer count. */
function sequenceOf(answered: readonly Question[], { from, to }: Span): readonly string[] {
  const before = answered.findLast(({ at }) => at < from);
  const all = [...(before ? [before] : []), ...answered.filter(within({ from, to }))];
  const alone = all.flatMap(({ macs }) => (macs.length === 1 ? macs : []));
  return alone.filter((mac, i) => mac !== alone[i - 1]);
}

function sumOf(attempts: readonly Attempt[]): Second {
  const ok = attempts.filter(({ outcome }) => outcome === 'ok');
  return {
    attempts: attempts.length,
    failed: attempts.length - ok.length,
    slow: ok.filter(({ ms }) => ms > slowMs).length,
  };
}

function countsOf(words: readonly string[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}
