/**
 * Decides when VIPs are announced on one link without a request, so that neighbors learn a new holder at once: by
 * gratuitous ARP for IPv4, by unsolicited Neighbor Advertisements for IPv6. `gratuitous-frames.ts` encodes the frames.
 */
import { type Family, familyOf, type Ip } from '../addr/ip.ts';

/** The two forms of a gratuitous ARP (RFC 5227 section 3), and the one of a Neighbor Advertisement. */
type UnsolicitedForm = 'Request' | 'Reply' | 'Advertisement';

/** A frame that is due. */
export interface DueFrame {
  readonly vip: Ip;
  readonly form: UnsolicitedForm;
}

/** A VIP waiting for the step of its queue. */
interface Waiting {
  readonly vip: Ip;
  readonly dueMs: number;
  /** Its burst starts again: new VIPs go first. */
  readonly isRepeat?: boolean;
}

/** The frames that one link has yet to send. Immutable: every function below returns the next state. */
export interface BurstState {
  /** One queue per step, in order of `dueMs`, with the repeated bursts at the end of the first one; the last is the refresh. */
  readonly queues: readonly (readonly Waiting[])[];
  /** Frames that may go out now (token bucket), as of `refilledMs`. */
  readonly tokens: number;
  readonly refilledMs: number;
}

/**
 * When the rounds of a burst start, in milliseconds after this node gained the VIP. RFC 4861 section 7.2.6 allows three
 * advertisements, one second apart. But a client that misses them loses its connections, so IPv6 VIPs get all six
 * rounds too.
 */
const roundsMs = [0, 100, 500, 1000, 2000, 5000] as const;

/**
 * The forms of a round. Linux always accepts the request form of ARP, so it goes first; for the reply form see
 * `gratuitous-frames.ts`.
 */
const formsOf = { IPv4: ['Request', 'Reply'], IPv6: ['Advertisement'] } as const satisfies Record<Family, unknown>;

/** After its burst a VIP is announced once every 10 minutes: a switch ages MAC addresses, not VIPs. */
const refreshMs = 600_000;

/** The steps of a burst, then the refresh: the index of the family's form, and the wait after the step before. */
const steps = [
  ...roundsMs.flatMap((roundMs, round) => [
    { form: 0, waitMs: roundMs - (roundsMs[round - 1] ?? 0) },
    { form: 1, waitMs: 0 },
  ]),
  { form: 0, waitMs: refreshMs },
];

/** 480 per second and 20 at once are at most 500 frames in any second, on each link. */
const framesPerSecond = 480;
const framesAtOnce = 20;

/** The state of a link without VIPs. */
export const idleBursts: BurstState = {
  queues: steps.map(() => []),
  tokens: framesAtOnce,
  refilledMs: 0,
};

/** The state for the whole set of wanted VIPs: new VIPs start a burst now, removed VIPs send nothing more. */
export function planBursts(state: BurstState, vips: readonly Ip[], nowMs: number): BurstState {
  const wanted = new Set(vips);
  const known = new Set(state.queues.flat().map(({ vip }) => vip));
  const gained = [...wanted].filter((vip) => !known.has(vip)).map((vip) => ({ vip, dueMs: nowMs }));
  const [first = [], ...later] = keepBursts(state, wanted).queues;
  const { new: begun = [], again = [] } = Object.groupBy(first, ({ isRepeat }) => (isRepeat ? 'again' : 'new'));
  return { ...state, queues: [[...begun, ...gained, ...again], ...later] };
}

/** The state in which only these VIPs send frames. */
export function keepBursts(state: BurstState, vips: ReadonlySet<Ip>): BurstState {
  return { ...state, queues: state.queues.map((queue) => queue.filter(({ vip }) => vips.has(vip))) };
}

/**
 * The state in which these VIPs start their burst again: neighbors may have heard another node last. Another host can
 * cause that for all VIPs at once, so a VIP that is gained meanwhile goes before them.
 */
export function repeatBursts(state: BurstState, vips: readonly Ip[], nowMs: number): BurstState {
  const [first = [], ...later] = state.queues;
  const repeated = new Set(vips);
  for (const { vip } of first) repeated.delete(vip);
  const known = new Set(later.flat().map(({ vip }) => vip));
  const again = [...repeated].filter((vip) => known.has(vip)).map((vip) => ({ vip, dueMs: nowMs, isRepeat: true }));
  return {
    ...state,
    queues: [[...first, ...again], ...later.map((queue) => queue.filter(({ vip }) => !repeated.has(vip)))],
  };
}

/**
 * The frames to send now, in order, and the state after them. Earlier steps of any VIP go before later steps of another
 * one: a thousand VIPs are all announced once before the first is announced twice.
 */
export function dueFrames(
  state: BurstState,
  nowMs: number,
): { readonly frames: readonly DueFrame[]; readonly state: BurstState } {
  if (nextDueMs(state, nowMs) !== 0) return { frames: [], state };
  const queues = state.queues.map((queue) => [...queue]);
  const frames: DueFrame[] = [];
  let tokens = tokensAt(state, nowMs);
  for (const [step, queue] of queues.entries()) {
    const due = queue.splice(0, Math.min(Math.floor(tokens), dueCount(queue, nowMs)));
    tokens -= due.length;
    frames.push(...due.map(({ vip }) => ({ vip, form: formAt(step, familyOf(vip)) ?? 'Request' })));
    for (const { vip } of due) {
      const next = stepAfter(step, familyOf(vip));
      // The wait starts now, so every queue stays in order.
      queues[next]?.push({ vip, dueMs: nowMs + (steps[next]?.waitMs ?? refreshMs) });
    }
  }
  return { frames, state: { queues, tokens, refilledMs: nowMs } };
}

function formAt(step: number, family: Family): UnsolicitedForm | undefined {
  return formsOf[family][steps[step]?.form ?? 0];
}

/** A family without a second form skips the steps of that form. The refresh follows itself without end. */
function stepAfter(step: number, family: Family): number {
  const last = steps.length - 1;
  if (step === last) return last;
  return formAt(step + 1, family) === undefined ? step + 2 : step + 1;
}

/** Milliseconds until {@link dueFrames} has a frame: 0 if it has one now, undefined without VIPs. */
export function nextDueMs(state: BurstState, nowMs: number): number | undefined {
  const heads = state.queues.flatMap((queue) => queue[0]?.dueMs ?? []);
  if (heads.length === 0) return undefined;
  const tokenMs = Math.ceil(((1 - tokensAt(state, nowMs)) * 1000) / framesPerSecond);
  return Math.max(0, tokenMs, Math.min(...heads) - nowMs);
}

/** How many VIPs at the head of a queue are due. */
function dueCount(queue: readonly Waiting[], nowMs: number): number {
  const waiting = queue.findIndex(({ dueMs }) => dueMs > nowMs);
  return waiting === -1 ? queue.length : waiting;
}

function tokensAt({ tokens, refilledMs }: BurstState, nowMs: number): number {
  return Math.min(framesAtOnce, tokens + (Math.max(0, nowMs - refilledMs) * framesPerSecond) / 1000);
}
