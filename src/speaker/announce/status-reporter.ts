/** Reports the state of the VIPs on this node: in the status of the ledger's entries, and in the speaker's document `/status`. */
import type { Ip } from '../../addr/ip.ts';
import { isIdle } from '../../announce/idle.ts';
import type { Placement } from '../../announce/placements.ts';
import { type DataPathFault, type Finding, type Report, Reporter } from '../../announce/reports.ts';
import { unusableReason } from '../../announce/usable-link.ts';
import type { ConflictState } from '../../announce/watched-vip.ts';
import { type AllocationView, allocationCondition, allocationConditions } from '../../api/allocation.ts';
import type { Condition } from '../../api/meta.ts';
import type { LinkStatus, SpeakerStatus, VipStatus } from '../../api/speaker-status.ts';
import { isSynced } from '../../kube/informer-set.ts';
import type { Link } from '../../linux/links.ts';
import type { DesiredState } from '../desired-state.ts';
import type { ElectionRunner } from '../election/election-runner.ts';
import type { Informers } from '../informers.ts';
import type { ConflictWatch } from './conflict-watch.ts';
import type { ProxyWatch } from './proxy-watch.ts';
import type { HolderStatusWriter } from './status-writer.ts';
import type { Verifier } from './verifier.ts';

/** The parts that the reporter works with. */
interface StatusReporterParts {
  readonly informers: Informers;
  readonly desired: Pick<DesiredState, 'view'>;
  readonly runner: Pick<ElectionRunner, 'decisions' | 'noInboundTraffic' | 'isReporter'>;
  readonly conflicts: Pick<ConflictWatch, 'stateOf'>;
  readonly proxy: Pick<ProxyWatch, 'of'>;
  readonly verifier: Pick<Verifier, 'findingOf'>;
  readonly writer: Pick<HolderStatusWriter, 'record'>;
  /** Nodes whose packets with another host's source address do not arrive on a link. */
  readonly blockedOn: (link: string) => readonly string[];
  /** Whether the connections of a VIP are spread over several nodes; undefined if that is not wanted. */
  readonly spreadOf: (vip: Ip) => Finding<string> | undefined;
  /** Does the kernel refuse the rules of a VIP? undefined: no rules are wanted. */
  readonly isRefused?: (vip: Ip) => boolean;
  readonly nodeName: string;
}

/** Derives the conditions of VIPs, and their part of the document `/status`, from the placements. */
export class StatusReporter {
  readonly #parts: StatusReporterParts;
  readonly #reporter = new Reporter();
  #placements: readonly Placement[] = [];
  #reports: readonly Report[] = [];

  constructor(parts: StatusReporterParts) {
    this.#parts = parts;
  }

  /** What must be recorded of the VIPs that this node answers for, or reports on. */
  get reports(): readonly Report[] {
    return this.#reports;
  }

  /** Reports these placements. */
  report(placements: readonly Placement[]): void {
    const { informers, desired, runner, conflicts, verifier, writer, spreadOf, nodeName: self } = this.#parts;
    this.#placements = placements;
    this.#reports = this.#reporter.report(placements, {
      ...{ self, spreadOf, links: desired.view?.links ?? [] },
      stateOf: (uid) => conflicts.stateOf(uid),
      verifiedOf: (uid) => verifier.findingOf(uid, recordOf(informers.allocations.store.get(uid), self)),
      dataPathFault: (uid) => this.#dataPathFault(uid),
      isReporter: (address) => runner.isReporter(address),
    });
    // Placements that follow from an old snapshot are not recorded.
    if (isSynced(informers)) writer.record(this.#reports);
  }

  /** This node's links, and the state of every VIP on this node. */
  get status(): Pick<SpeakerStatus, 'links' | 'vips'> {
    const { desired, runner, blockedOn, spreadOf, conflicts } = this.#parts;
    const terms = new Map(runner.decisions.map(({ vip, term }) => [vip.uid, term]));
    return {
      links: (desired.view?.allLinks ?? []).map((link) => {
        const { name } = link;
        const isOurs = desired.view?.links.some((ours) => ours.name === name) === true;
        const reported = { noInboundTraffic: runner.noInboundTraffic.has(name), blocked: blockedOn(name) };
        return linkStatus(link, { ...reported, isOurs });
      }),
      vips: this.#placements.map((placement) =>
        vipStatus(placement, {
          term: terms.get(placement.uid),
          conflict: conflicts.stateOf(placement.uid),
          spread: spreadOf(placement.vip),
        }),
      ),
    };
  }

  #dataPathFault(uid: string): DataPathFault | undefined {
    const { informers, desired, proxy, isRefused, nodeName } = this.#parts;
    const entry = informers.allocations.store.get(uid);
    if (entry && desired.view && isIdle(entry, desired.view.snapshot, nodeName)) return 'NoEndpoints';
    if (entry && isRefused?.(entry.address)) return 'RulesRefused';
    return proxy.of(uid) === 'Unproven' ? 'DataPathUnproven' : undefined;
  }
}

/** The recorded condition Verified of a VIP, if this node is the recorded holder. */
function recordOf(entry: AllocationView | undefined, self: string): Condition | undefined {
  return entry?.recorded?.node === self ? allocationCondition(entry, allocationConditions.verified) : undefined;
}

/** A link, as `/status` shows it. */
function linkStatus(
  link: Link,
  { isOurs, ...reported }: Pick<LinkStatus, 'noInboundTraffic' | 'blocked'> & { readonly isOurs: boolean },
): LinkStatus {
  const { name, mac, carrier } = link;
  const unusable = unusableReason(link) ?? (isOurs ? undefined : ('NoSubnet' as const));
  const addresses = link.addresses.map(({ address, prefix }) => `${address}/${prefix}`);
  return { name, mac, addresses, carrier, ...reported, ...(unusable && { unusable }) };
}

/** What is known of a VIP besides its placement. */
interface VipFacts {
  readonly term: number | undefined;
  readonly conflict: ConflictState;
  readonly spread: Finding<string> | undefined;
}

/** A VIP, as `/status` shows it. */
function vipStatus(placement: Placement, { term, conflict, spread }: VipFacts): VipStatus {
  const { uid, vip: address, holder, kind: action } = placement;
  return {
    ...{ uid, address, action },
    ...(holder !== undefined && { holder }),
    ...(term !== undefined && { term }),
    ...('reason' in placement && { reason: placement.reason }),
    links: 'links' in placement ? placement.links : [],
    damped: placement.kind === 'Announce' && placement.damped,
    ...(isReported(conflict) && { conflict: conflictStatus(conflict) }),
    ...(spread && { spread: { reason: spread.reason, message: spread.message } }),
  };
}

function isReported(state: ConflictState): boolean {
  return state.kind !== 'Clear' || state.proxy !== undefined;
}

function conflictStatus(state: ConflictState): NonNullable<VipStatus['conflict']> {
  if (state.kind === 'Clear') return { kind: 'ProxyArp', ...(state.proxy && { mac: state.proxy }) };
  const mac = 'mac' in state ? state.mac : undefined;
  const node = 'node' in state ? state.node : undefined;
  return { kind: state.kind, ...(mac && { mac }), ...(node && { node }) };
}
