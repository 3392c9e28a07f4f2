/** Verifies VIPs of other nodes by probes, and keeps the results of the peers' probes for the VIPs of this node; on the real clock. */
import type { HostKind } from '../../announce/proxies.ts';
import { Verification } from '../../announce/verification.ts';
import { Planner, type PlanView, type Target } from '../../announce/verification-plan.ts';
import { VerificationResults, type VerifiedFinding, verifiedReasons } from '../../announce/verification-results.ts';
import type { Condition } from '../../api/meta.ts';
import type { Link } from '../../linux/links.ts';
import { SynProber } from '../../linux/syn-prober.ts';
import type { HeardClaim } from '../../linux/worker/responder-messages.ts';
import type { ProbeReport, ProbeResult } from '../../liveness/messages.ts';
import { Emitter } from '../../runtime/emitter.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { ElectionRunner } from '../election/election-runner.ts';
import type { NeighborProber } from './neighbor-prober.ts';

/** The parts that a verifier works with. */
interface VerifierOptions {
  readonly log: Logger;
  readonly nodeName: string;
  readonly prober: Pick<NeighborProber, 'probeOn'>;
  readonly runner: Pick<ElectionRunner, 'decisions' | 'living' | 'report'>;
  /** Whether a host that claims an address is a proxy. */
  readonly kindOf: (claim: HeardClaim) => HostKind;
}

/** The state of the cluster and of the links. */
export type VerifierView = Pick<PlanView, 'linksOf' | 'snapshot'> & { readonly links: readonly Link[] };

/** Changes within `soon` lead to one plan; the list of living peers is checked at least every `later`. Milliseconds. */
const planMs = { soon: 250, later: 2_000 } as const;
/** Results that change within this time are recorded together. */
const changeMs = 1_000;

/** Both sides of the verification on this node: its own probes, and the results for its own VIPs. */
export class Verifier {
  /** A result for a VIP that this node holds has changed. */
  readonly changed = new Emitter();
  readonly #options: VerifierOptions;
  readonly #planner = new Planner();
  readonly #verification = new Verification();
  readonly #results = new VerificationResults();
  readonly #synProber: SynProber;
  #view: VerifierView | undefined;
  /** The facts that the current plan was made from. */
  #planned: readonly unknown[] = [];
  #planTimer: NodeJS.Timeout | undefined;
  #planAt = Number.POSITIVE_INFINITY;
  #stepTimer: NodeJS.Timeout | undefined;
  #changeTimer: NodeJS.Timeout | undefined;
  #changedAt = Number.NEGATIVE_INFINITY;

  constructor(options: VerifierOptions) {
    this.#options = options;
    this.#synProber = new SynProber({
      onAnswer: (address) => {
        this.#verification.reached(address);
        this.#step();
      },
      onFault: (link, err) => options.log.debug({ link, err }, 'cannot send SYNs'),
    });
  }

  /** Sets the state of the cluster and of the links. */
  observe = (view: VerifierView): void => {
    this.#view = view;
    this.#planIn(planMs.soon);
  };

  /** The election has made new decisions. */
  decided = (): void => this.#planIn(planMs.soon);

  /** A host claims an address. */
  heard = (claim: HeardClaim): void => {
    // The answers of a proxy prove nothing. A first failure is not reported: by the second one the host is known.
    if (this.#verification.isOther(claim) && this.#options.kindOf(claim) === 'Proxy') return;
    this.#verification.heard(claim);
    this.#step();
  };

  /** A peer reports the results of its probes for VIPs of this node. */
  receiveReport = (report: ProbeReport): void => {
    if (this.#results.take(report, performance.now())) this.#noteChange();
  };

  /** The condition of a VIP that this node holds. Before the first result of this run, the recorded condition stays. */
  findingOf(uid: string, recorded: Condition | undefined): VerifiedFinding | undefined {
    const standing = this.#results.stateOf(uid, performance.now());
    return standing === 'Pending' ? findingIn(recorded) : standing;
  }

  /** Ends the verification. */
  close(): void {
    for (const timer of [this.#planTimer, this.#stepTimer, this.#changeTimer]) clearTimeout(timer);
    this.#view = undefined;
    this.#synProber.close();
  }

  #planIn(ms: number): void {
    const at = performance.now() + ms;
    if (at >= this.#planAt) return;
    this.#planAt = at;
    clearTimeout(this.#planTimer);
    this.#planTimer = setTimeout(this.#plan, ms);
  }

  #plan = (): void => {
    this.#planAt = Number.POSITIVE_INFINITY;
    const view = this.#view;
    if (view === undefined) return;
    const { nodeName: self, runner } = this.#options;
    const { living, decisions } = runner;
    const facts = [view, decisions, living.join()];
    if (facts.some((fact, i) => fact !== this.#planned[i])) {
      this.#planned = facts;
      const now = performance.now();
      const { targets, held } = this.#planner.planOf({ ...view, self, living, decisions });
      this.#results.observe(held, now);
      this.#verification.observe(targets, now);
      this.#synProber.keepOnly(view.links);
      this.#step();
    }
    this.#planIn(planMs.later);
  };

  #step = (): void => {
    clearTimeout(this.#stepTimer);
    if (this.#view === undefined) return;
    const now = performance.now();
    const { neighborProbes, synProbes, found, nextAt } = this.#verification.turn(now);
    for (const { target, to } of neighborProbes) {
      const link = this.#linkOf(target);
      const isSent = link !== undefined && this.#options.prober.probeOn(link, target.address, to);
      if (!isSent) this.#verification.unsent(target);
    }
    for (const { target, mac, port } of synProbes) {
      const link = this.#linkOf(target);
      const probe = { source: target.source, mac, address: target.address, port };
      const isSent = link !== undefined && this.#synProber.probe({ link, ...probe });
      if (!isSent) this.#verification.unsent(target);
    }
    this.#report(found);
    if (nextAt !== undefined) this.#stepTimer = setTimeout(this.#step, Math.max(1, nextAt - now));
  };

  #linkOf({ link }: Target): Link | undefined {
    return this.#view?.links.find(({ name }) => name === link);
  }

  #report(found: readonly { readonly holder: string; readonly result: ProbeResult }[]): void {
    const { roundMs } = this.#verification;
    for (const [node, entries] of Map.groupBy(found, ({ holder }) => holder)) {
      this.#options.runner.report(node, { results: entries.map(({ result }) => result), roundMs });
    }
  }

  #noteChange(): void {
    const now = performance.now();
    this.#changeTimer ??= setTimeout(
      () => {
        this.#changeTimer = undefined;
        this.#changedAt = performance.now();
        this.changed.emit();
      },
      Math.max(0, this.#changedAt + changeMs - now),
    );
  }
}

function findingIn(recorded: Condition | undefined): VerifiedFinding | undefined {
  const reason = verifiedReasons.find((one) => one === recorded?.reason);
  if (recorded === undefined || reason === undefined) return undefined;
  return { type: 'Verified', status: recorded.status as VerifiedFinding['status'], reason, message: recorded.message };
}
