/**
 * Keeps the results that the holder of a VIP gets from its verifier, and derives the condition `Verified`. A node
 * cannot find out by itself whether other hosts reach it. Pure: the time is an argument, in milliseconds on a monotonic
 * clock.
 */
import type { Ip } from '../addr/ip.ts';
import { type ProbeReport, type ProbeResult, probeOutcomes } from '../liveness/messages.ts';

/** The reasons of the condition `Verified`. */
export const verifiedReasons = [...probeOutcomes, 'NoSecondNode', 'VerifierSilent'] as const;

/** One of {@link verifiedReasons}. */
export type VerifiedReason = (typeof verifiedReasons)[number];

/** The condition, without its time. While the result is the same, nothing in it changes from one round to the next. */
export interface VerifiedFinding {
  readonly type: 'Verified';
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: VerifiedReason;
  readonly message: string;
}

/** A VIP that this node holds. */
export interface VerifiedVip {
  readonly uid: string;
  readonly address: Ip;
  readonly term: number;
  /** The node that should verify it; undefined if no other node has a link for it. */
  readonly verifier: string | undefined;
}

/** What is known of a VIP. `Pending`: nothing yet, and the condition from before stays. */
type VerificationState = VerifiedFinding | 'Pending';

/** A result is valid for `validMs`, or for this many rounds of its verifier if that is longer. */
const validMs = 180_000;
const validRounds = 3;
/** Restarting peers are back within this time. */
const aloneMs = 10_000;

interface Held {
  vip: VerifiedVip;
  /** Since when a result is awaited. */
  since: number;
  aloneSince: number | undefined;
  result: (ProbeResult & { readonly by: string; readonly at: number; readonly validMs: number }) | undefined;
}

/** The results of all verifiers for the VIPs that this node holds. */
export class VerificationResults {
  readonly #held = new Map<string, Held>();

  /** Replaces the VIPs that this node holds. */
  observe(vips: readonly VerifiedVip[], now: number): void {
    const uids = new Set(vips.map(({ uid }) => uid));
    for (const uid of this.#held.keys()) if (!uids.has(uid)) this.#held.delete(uid);
    for (const vip of vips) {
      const held = this.#held.get(vip.uid) ?? { vip, since: now, aloneSince: undefined, result: undefined };
      this.#held.set(vip.uid, held);
      if (held.vip.term !== vip.term) Object.assign(held, { since: now, result: undefined } satisfies Partial<Held>);
      held.vip = vip;
      if (vip.verifier !== undefined && isAlone(held, now))
        Object.assign(held, { since: now, result: undefined } satisfies Partial<Held>);
      held.aloneSince = vip.verifier === undefined ? (held.aloneSince ?? now) : undefined;
    }
  }

  /** Applies a report of a peer. True if it changes what is known. Only results for the present term count. */
  take({ from, results, roundMs }: Pick<ProbeReport, 'from' | 'results' | 'roundMs'>, now: number): boolean {
    let hasChanged = false;
    for (const result of results) {
      const held = this.#held.get(result.uid);
      if (held === undefined || held.vip.term !== result.term) continue;
      const before = JSON.stringify(this.stateOf(result.uid, now));
      held.result = { ...result, by: from.node, at: now, validMs: Math.max(validMs, validRounds * roundMs) };
      if (JSON.stringify(this.stateOf(result.uid, now)) !== before) hasChanged = true;
    }
    return hasChanged;
  }

  /** What is known of a VIP. */
  stateOf(uid: string, now: number): VerificationState {
    const held = this.#held.get(uid);
    if (held === undefined) return 'Pending';
    const { vip, result, since } = held;
    const { address } = vip;
    if (isAlone(held, now)) {
      return unknown('NoSecondNode', `no other live node has a link in the subnet of ${address}`);
    }
    if (result !== undefined && now - result.at < result.validMs) return findingOf(address, result);
    if (now - (result?.at ?? since) < validMs) return 'Pending';
    return unknown('VerifierSilent', `no other node has reported for three minutes whether it reaches ${address}`);
  }
}

function isAlone({ aloneSince }: Held, now: number): boolean {
  return aloneSince !== undefined && now - aloneSince >= aloneMs;
}

function unknown(reason: VerifiedReason, message: string): VerifiedFinding {
  return { type: 'Verified', status: 'Unknown', reason, message };
}

function findingOf(address: Ip, { outcome, detail, by }: ProbeResult & { readonly by: string }): VerifiedFinding {
  const isFalse = (message: string): VerifiedFinding => {
    return { type: 'Verified', status: 'False', reason: outcome, message };
  };
  const probed = `node ${by} probed ${address}`;
  switch (outcome) {
    case 'Verified': {
      const message = `${probed}: the holder answered, and so did TCP port ${detail}`;
      return { type: 'Verified', status: 'True', reason: 'Verified', message };
    }
    case 'NotAnswered':
      return isFalse(`${probed}: no host answered`);
    case 'AnsweredByOther':
      return isFalse(`${probed}: ${detail} answered, which is not the holder`);
    case 'NoDataPath':
      return isFalse(`${probed}: the holder answered, but TCP port ${detail} did not`);
    case 'NoEndpoints':
      return unknown(outcome, `${probed}: the holder answered, but no endpoint serves that it can reach`);
    case 'NotProbed': {
      const why =
        detail === 'SourceRanges' ? `loadBalancerSourceRanges exclude node ${by}` : 'no Service has a TCP port';
      return unknown(outcome, `${probed}: the holder answered, and no port was probed, since ${why}`);
    }
    default:
      return outcome satisfies never;
  }
}
