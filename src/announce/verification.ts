/**
 * Schedules the verification of VIPs that other nodes hold, and draws its conclusions. A verification probes on the
 * wire which host has the VIP, and then probes a port with a SYN through the holder. At most twenty VIPs a second are
 * verified, in turn. Broadcasts are rare: a VIP that was verified is probed at its holder only. Pure: the time is an
 * argument, in milliseconds on a monotonic clock.
 */
import type { ProbeResult } from '../liveness/messages.ts';
import type { Target } from './verification-plan.ts';

/** The effects of a turn. */
interface VerificationTurn {
  /** ARP requests and Neighbor Solicitations for a VIP: to all hosts, or to one. */
  readonly neighborProbes: readonly { readonly target: Target; readonly to: string | undefined }[];
  /** SYNs to a port of a VIP, at this hardware address. */
  readonly synProbes: readonly { readonly target: Target; readonly mac: string; readonly port: number }[];
  /** Results to send to the holders. */
  readonly found: readonly { readonly holder: string; readonly result: ProbeResult }[];
  /** When the next turn is due; undefined if none is. */
  readonly nextAt: number | undefined;
}

/** A host answers for an address, by a frame that arrived on a link. */
interface Answer {
  readonly address: string;
  readonly mac: string;
  readonly link: string;
}

interface Probe {
  step: 'Neighbor' | 'Port';
  /** When the step began. */
  since: number;
  tries: number;
  /** How many of them could not be sent. */
  unsent: number;
  /** The probe goes to all hosts, not to the holder only. */
  isBroadcast: boolean;
  /** The hardware addresses with which the holder, and another host, answered. */
  mac: string | undefined;
  other: string | undefined;
  isReached: boolean;
}

interface Watch {
  target: Target;
  key: string;
  queue: QueueName;
  probe: Probe | undefined;
  /** How many verifications in a row have failed. */
  failures: number;
  /** Where the holder answered last, and the other host that was found last. */
  mac: string | undefined;
  other: string | undefined;
  broadcastAt: number;
}

/** When each try of a step is made, and when the step fails, in milliseconds since it began. */
const triesAt = [0, 300, 1_000] as const;
const givenUpAt = 2_000;
/** For this long after a broadcast other hosts than the holder may answer too. */
const settleMs = 100;
/** A verified VIP is probed by broadcast at this interval: as often as its holder announces it. */
const broadcastMs = 600_000;
/** Twenty VIPs a second. A late timer makes up for at most `catchUpMs`. */
const pauseMs = 50;
const catchUpMs = 100;

/**
 * The wait before the next verification, by queue. Each queue is in the order of time, because all its members wait
 * equally long. `Fresh`: the holder or another fact of the VIP has changed. `Retry`: the verification failed.
 * `Failing`: it failed repeatedly. `Round`: it succeeded, or had no clear result.
 */
const waitMs = { Fresh: 1_000, Retry: 2_000, Failing: 5_000, Round: 30_000 } as const;
type QueueName = keyof typeof waitMs;
const queueNames = ['Fresh', 'Retry', 'Failing', 'Round'] as const;

/** A failure is reported after this many verifications: the rules of a new holder may take a moment. */
const failuresToSay = 2;
const failuresToCalm = 5;

/** Verifies the VIPs that this node must verify. */
export class Verification {
  readonly #watches = new Map<string, Watch>();
  readonly #byAddress = new Map<string, Watch>();
  readonly #running = new Set<Watch>();
  readonly #queues: Readonly<Record<QueueName, Map<Watch, number>>> = {
    ...{ Fresh: new Map(), Retry: new Map(), Failing: new Map(), Round: new Map() },
  };
  #mayStartAt = Number.NEGATIVE_INFINITY;

  /** The time between two verifications of a VIP. */
  get roundMs(): number {
    return Math.max(waitMs.Round, this.#watches.size * pauseMs);
  }

  /** Replaces the VIPs to verify. A VIP that is new or has changed is verified soon. */
  observe(targets: readonly Target[], now: number): void {
    const uids = new Set(targets.map(({ uid }) => uid));
    for (const [uid, watch] of this.#watches) if (!uids.has(uid)) this.#forget(uid, watch);
    for (const target of targets) {
      const { uid, address } = target;
      const key = JSON.stringify(target);
      const before = this.#watches.get(uid);
      if (before?.key === key) continue;
      if (before) this.#forget(uid, before);
      const broadcastAt = Number.NEGATIVE_INFINITY;
      const watch: Watch = {
        ...{
          target,
          key,
          queue: 'Fresh',
          probe: undefined,
          failures: 0,
          mac: undefined,
          other: undefined,
          broadcastAt,
        },
      };
      this.#watches.set(uid, watch);
      this.#byAddress.set(address, watch);
      this.#wait(watch, 'Fresh', now);
    }
  }

  /** Is this an answer to a probe, of a host that is not the holder? */
  isOther({ address, mac, link }: Answer): boolean {
    const watch = this.#byAddress.get(address);
    return watch?.probe !== undefined && watch.target.link === link && !watch.target.macs.includes(mac);
  }

  /** A host answered for an address. It counts on the link that was probed only. */
  heard({ address, mac, link }: Answer): void {
    const watch = this.#byAddress.get(address);
    const probe = watch?.probe;
    if (watch === undefined || probe === undefined || watch.target.link !== link) return;
    if (watch.target.macs.includes(mac)) probe.mac ??= mac;
    // Of several other hosts one is reported: a report that changes each time says no more.
    else if (probe.other === undefined || mac === watch.other) probe.other = mac;
  }

  /** The last probe for a VIP could not be sent: if that goes for all, the silence proves nothing. */
  unsent({ uid }: Target): void {
    const probe = this.#watches.get(uid)?.probe;
    if (probe) probe.unsent++;
  }

  /** The probed port of an address answered. */
  reached(address: string): void {
    const probe = this.#byAddress.get(address)?.probe;
    if (probe?.step === 'Port') probe.isReached = true;
  }

  /**
   * Continues what is due. Must be called after {@link observe}, {@link heard} and {@link reached}, and at `nextAt`.
   */
  turn(now: number): VerificationTurn {
    const turn: Calls = { neighborProbes: [], synProbes: [], found: [] };
    for (const watch of this.#running) this.#goOn(watch, turn, now);
    for (let next = this.#next(now); next && now >= this.#mayStartAt; next = this.#next(now)) {
      this.#mayStartAt = Math.max(this.#mayStartAt, now - catchUpMs) + pauseMs;
      this.#start(next, now);
      this.#goOn(next, turn, now);
    }
    return { ...turn, nextAt: this.#nextAt(now) };
  }

  #start(watch: Watch, now: number): void {
    this.#queues[watch.queue].delete(watch);
    this.#running.add(watch);
    const isBroadcast = watch.mac === undefined || now - watch.broadcastAt >= broadcastMs;
    const found = { mac: undefined, other: undefined, isReached: false };
    watch.probe = { step: 'Neighbor', since: now, tries: 0, unsent: 0, isBroadcast, ...found };
  }

  #goOn(watch: Watch, turn: Calls, now: number): void {
    const { probe } = watch;
    if (probe?.step === 'Neighbor') this.#probeNeighbor(watch, probe, { turn, now });
    if (watch.probe?.step === 'Port') this.#probePort(watch, watch.probe, { turn, now });
  }

  #probeNeighbor(watch: Watch, probe: Probe, { turn, now }: Moment): void {
    const { target } = watch;
    const isSettled = !probe.isBroadcast || now - probe.since >= settleMs;
    if (probe.other !== undefined && isSettled) {
      this.#conclude(watch, { outcome: 'AnsweredByOther', detail: probe.other }, { turn, now });
    } else if (probe.mac !== undefined && isSettled) {
      watch.mac = probe.mac;
      if (target.aim.kind === 'Nothing') this.#conclude(watch, target.aim, { turn, now });
      else Object.assign(probe, { step: 'Port', since: now, tries: 0, unsent: 0 } satisfies Partial<Probe>);
    } else if (now - probe.since >= givenUpAt) {
      this.#conclude(watch, { outcome: 'NotAnswered', detail: '' }, { turn, now });
    } else if (isTryDue(probe, now)) {
      // If the holder does not answer, the next try goes to all hosts.
      if (probe.tries++ > 0) probe.isBroadcast = true;
      if (probe.isBroadcast) watch.broadcastAt = now;
      turn.neighborProbes.push({ target, to: probe.isBroadcast ? undefined : watch.mac });
    }
  }

  #probePort(watch: Watch, probe: Probe, { turn, now }: Moment): void {
    const { target } = watch;
    if (target.aim.kind !== 'Port' || probe.mac === undefined) return;
    const { port } = target.aim;
    if (probe.other !== undefined) {
      this.#conclude(watch, { outcome: 'AnsweredByOther', detail: probe.other }, { turn, now });
    } else if (probe.isReached) {
      this.#conclude(watch, { outcome: 'Verified', detail: String(port) }, { turn, now });
    } else if (now - probe.since >= givenUpAt) {
      this.#conclude(watch, { outcome: 'NoDataPath', detail: String(port) }, { turn, now });
    } else if (isTryDue(probe, now)) {
      probe.tries++;
      turn.synProbes.push({ target, mac: probe.mac, port });
    }
  }

  #conclude(watch: Watch, { outcome, detail }: Pick<ProbeResult, 'outcome' | 'detail'>, { turn, now }: Moment): void {
    const { uid, term, holder } = watch.target;
    const { probe } = watch;
    const isFailure = failures.has(outcome);
    if (isFailure && probe && probe.other === undefined && probe.unsent >= probe.tries) {
      this.#end(watch, 'Retry', now);
      return;
    }
    watch.failures = isFailure ? watch.failures + 1 : 0;
    if (isFailure) watch.mac = undefined;
    watch.other = probe?.other;
    if (!isFailure || watch.failures >= failuresToSay) {
      turn.found.push({ holder, result: { uid, term, outcome, detail } });
    }
    this.#end(watch, !isFailure ? 'Round' : watch.failures < failuresToCalm ? 'Retry' : 'Failing', now);
  }

  #end(watch: Watch, queue: QueueName, now: number): void {
    this.#running.delete(watch);
    watch.probe = undefined;
    this.#wait(watch, queue, now);
  }

  #wait(watch: Watch, queue: QueueName, now: number): void {
    watch.queue = queue;
    this.#queues[queue].set(watch, now + waitMs[queue]);
  }

  #forget(uid: string, watch: Watch): void {
    this.#watches.delete(uid);
    if (this.#byAddress.get(watch.target.address) === watch) this.#byAddress.delete(watch.target.address);
    this.#running.delete(watch);
    this.#queues[watch.queue].delete(watch);
  }

  /** The next VIP that is due: those with a new holder first, then the one that has waited longest. */
  #next(now: number): Watch | undefined {
    let next: Watch | undefined;
    let earliest = Number.POSITIVE_INFINITY;
    for (const name of queueNames) {
      const [head] = this.#queues[name];
      if (head === undefined || head[1] > now || head[1] >= earliest) continue;
      if (name === 'Fresh') return head[0];
      [next, earliest] = head;
    }
    return next;
  }

  #nextAt(now: number): number | undefined {
    let next = Number.POSITIVE_INFINITY;
    for (const name of queueNames) {
      const [head] = this.#queues[name];
      if (head) next = Math.min(next, Math.max(head[1], this.#mayStartAt));
    }
    for (const { probe } of this.#running) if (probe) next = Math.min(next, dueAt(probe));
    return Number.isFinite(next) ? Math.max(next, now) : undefined;
  }
}

interface Moment {
  readonly turn: Calls;
  readonly now: number;
}

/** The effects of the present turn. */
interface Calls {
  readonly neighborProbes: VerificationTurn['neighborProbes'][number][];
  readonly synProbes: VerificationTurn['synProbes'][number][];
  readonly found: VerificationTurn['found'][number][];
}

/** The outcomes that count as failures. */
const failures: ReadonlySet<string> = new Set(['NotAnswered', 'AnsweredByOther', 'NoDataPath']);

function isTryDue({ since, tries }: Probe, now: number): boolean {
  const at = triesAt[tries];
  return at !== undefined && now - since >= at;
}

function dueAt({ step, since, tries, isBroadcast, mac, other }: Probe): number {
  const tryAt = since + (triesAt[tries] ?? givenUpAt);
  const isAnswered = mac !== undefined || other !== undefined;
  return step === 'Neighbor' && isAnswered ? since + (isBroadcast ? settleMs : 0) : tryAt;
}
