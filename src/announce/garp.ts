/** When gratuitous ARP goes out for the VIPs of one link, and its frames: so that neighbours learn a new holder at once. */
import type { Ip } from '../addr/ip.ts';
import { arpOperation, encodeArp } from '../wire/arp.ts';
import { broadcastMac } from '../wire/ethernet.ts';

/** The two forms of a gratuitous ARP (RFC 5227 section 3). */
export type GarpForm = 'Request' | 'Reply';

/** A frame that is due: encode it with {@link encodeGarp}. */
export interface DueGarp {
  readonly vip: Ip;
  readonly form: GarpForm;
}

/** A VIP waiting for the step of its queue. */
interface Waiting {
  readonly vip: Ip;
  readonly dueMs: number;
}

/** What is still to be sent on one link. Immutable: every function below returns the next state. */
export interface GarpState {
  /** One queue per step, in order of `dueMs`; the last is the refresh. */
  readonly queues: readonly (readonly Waiting[])[];
  /** Frames that may go out now (token bucket), as of `refilledMs`. */
  readonly tokens: number;
  readonly refilledMs: number;
}

/** When the rounds of a burst start, in milliseconds after the gain. */
const roundsMs = [0, 100, 500, 1000, 2000, 5000] as const;

/** The request form goes first because Linux takes it always; see {@link encodeGarp} for the reply form. */
const forms = ['Request', 'Reply'] as const;

/** A VIP that has had its burst is repeated once per 10 minutes: a switch ages MAC addresses, not VIPs. */
const refreshMs = 600_000;

/** The steps of a burst, then the refresh; `waitMs` counts from the step before. */
const steps = [
  ...roundsMs.flatMap((roundMs, round) =>
    forms.map((form, i) => ({ form, waitMs: i === 0 ? roundMs - (roundsMs[round - 1] ?? 0) : 0 })),
  ),
  { form: 'Request', waitMs: refreshMs } as const,
];

/** The target hardware address of a request form: not asked for (RFC 5227 section 1.1: SHOULD be zero). */
const unknownMac = '00:00:00:00:00:00';

/** 480/s and 20 at once make at most 500 frames in any second, on every link. */
const framesPerSecond = 480;
const framesAtOnce = 20;

/** The state of a link without VIPs. */
export const idleGarp: GarpState = { queues: steps.map(() => []), tokens: framesAtOnce, refilledMs: 0 };

/** The state for the whole wanted set of VIPs: those not there yet start a burst now, those gone send nothing more. */
export function planGarp(state: GarpState, vips: readonly Ip[], nowMs: number): GarpState {
  const wanted = new Set(vips);
  const known = new Set(state.queues.flat().map(({ vip }) => vip));
  const kept = state.queues.map((queue) => queue.filter(({ vip }) => wanted.has(vip)));
  const gained = [...wanted].filter((vip) => !known.has(vip)).map((vip) => ({ vip, dueMs: nowMs }));
  return { ...state, queues: kept.map((queue, step) => (step === 0 ? [...queue, ...gained] : queue)) };
}

/**
 * The frames to send now, in order, and the state after them. Earlier steps of any VIP go before later steps of
 * another, so a thousand VIPs are all announced once before the first is announced twice.
 */
export function dueGarp(
  state: GarpState,
  nowMs: number,
): { readonly frames: readonly DueGarp[]; readonly state: GarpState } {
  if (nextGarpMs(state, nowMs) !== 0) return { frames: [], state };
  const queues = state.queues.map((queue) => [...queue]);
  const frames: DueGarp[] = [];
  let tokens = tokensAt(state, nowMs);
  for (const [step, queue] of queues.entries()) {
    const due = queue.splice(0, Math.min(Math.floor(tokens), dueCount(queue, nowMs)));
    tokens -= due.length;
    frames.push(...due.map(({ vip }) => ({ vip, form: steps[step]?.form ?? 'Request' })));
    // The refresh follows itself for ever. Waits count from this moment, so no queue gets out of order.
    const next = Math.min(step + 1, steps.length - 1);
    const dueMs = nowMs + (steps[next]?.waitMs ?? refreshMs);
    queues[next]?.push(...due.map(({ vip }) => ({ vip, dueMs })));
  }
  return { frames, state: { queues, tokens, refilledMs: nowMs } };
}

/** Milliseconds until {@link dueGarp} has a frame: 0 if it has one now, undefined without VIPs. */
export function nextGarpMs(state: GarpState, nowMs: number): number | undefined {
  const heads = state.queues.flatMap((queue) => queue[0]?.dueMs ?? []);
  if (heads.length === 0) return undefined;
  const tokenMs = Math.ceil(((1 - tokensAt(state, nowMs)) * 1000) / framesPerSecond);
  return Math.max(0, tokenMs, Math.min(...heads) - nowMs);
}

/**
 * A broadcast frame (`arpFrameLength` bytes) that says the VIP is at `mac`. The reply form carries the sender's hardware address
 * as target too: Linux takes it for gratuitous only then, and otherwise ignores it for a second after any earlier
 * reply (`arp_is_garp` and `locktime`, arp(7)).
 */
export function encodeGarp(mac: string, { vip, form }: DueGarp): Uint8Array {
  const request = form === 'Request';
  return encodeArp({
    destination: broadcastMac,
    source: mac,
    operation: request ? arpOperation.request : arpOperation.reply,
    senderMac: mac,
    senderIp: vip,
    targetMac: request ? unknownMac : mac,
    targetIp: vip,
  });
}

/** How many at the head of a queue are due. */
function dueCount(queue: readonly Waiting[], nowMs: number): number {
  const waiting = queue.findIndex(({ dueMs }) => dueMs > nowMs);
  return waiting === -1 ? queue.length : waiting;
}

function tokensAt({ tokens, refilledMs }: GarpState, nowMs: number): number {
  return Math.min(framesAtOnce, tokens + (Math.max(0, nowMs - refilledMs) * framesPerSecond) / 1000);
}
