/**
 * Makes the reports that speakers write to the status of each VIP: its holder, and whether it is announced, or why not.
 */
import type { Ip } from '../addr/ip.ts';
import type { HolderRecord } from '../api/entry-fields.ts';
import type { Condition } from '../api/meta.ts';
import { listed, withFittingMessage } from '../api/text.ts';
import type { Placement, SilenceReason } from './placements.ts';
import type { VerifiedReason } from './verification-results.ts';
import type { ConflictState } from './watched-vip.ts';

/** The reasons of the condition `Announced` if it is true. */
export const announcedReasons = ['Announced', 'MoveDamped', 'NoEndpoints', 'RulesRefused', 'DataPathUnproven'] as const;

/** Why an announced VIP may get no traffic. */
export type DataPathFault = Extract<(typeof announcedReasons)[number], keyof typeof faultTexts>;

/** The reasons of the condition `Conflict`. */
export const conflictReasons = [
  'AddressTaken',
  'AnnouncedByOtherProgram',
  'NetworkAddress',
  'ForeignClaim',
  'ProxyArp',
] as const;

type Reason = (typeof announcedReasons)[number] | (typeof conflictReasons)[number] | SilenceReason | VerifiedReason;

/** A condition without its time. Its reason is one of these, or one of the caller's. */
export type Finding<R extends string = Reason> = Omit<Condition, 'lastTransitionTime' | 'reason'> & {
  readonly reason: R;
};

/** Everything to write to the status of one entry. */
export interface Report {
  readonly uid: string;
  readonly address: Ip;
  /** undefined: no node holds it. The record stays, because of its term. */
  readonly holder: (Omit<HolderRecord, 'since'> & { readonly announces: boolean }) | undefined;
  /** Another host that uses it. */
  readonly conflict: { readonly mac: string } | undefined;
  readonly conditions: readonly Finding<string>[];
}

/** The facts on which the reports depend, besides the placements. */
export interface ReportContext {
  readonly self: string;
  readonly links: readonly { readonly name: string; readonly mac: string }[];
  readonly stateOf: (uid: string) => ConflictState;
  /** The result of another node's verification of the VIP. */
  readonly verifiedOf: (uid: string) => Finding | undefined;
  /** Whether its connections are spread over several nodes; undefined if that is not wanted. */
  readonly spreadOf: (vip: Ip) => Finding<string> | undefined;
  /** Why a VIP that this node announces may get no traffic. */
  readonly dataPathFault: (uid: string) => DataPathFault | undefined;
  /** Does this node report on VIPs without a holder? Exactly one of the live nodes does. */
  readonly isReporter: (address: Ip) => boolean;
}

interface Reported {
  readonly state: ConflictState;
  readonly verified: Finding | undefined;
  readonly spread: Finding<string> | undefined;
  readonly fault: DataPathFault | undefined;
  readonly links: string;
  readonly reports: readonly Report[];
}

/** Makes reports repeatedly. A report that has not changed is the same object as before. */
export class Reporter {
  readonly #reported = new WeakMap<HeldPlacement, Reported>();

  /** The reports of this node. */
  report(placements: readonly Placement[], context: ReportContext): readonly Report[] {
    const links = JSON.stringify(context.links.map(({ name, mac }) => [name, mac]));
    const reports: Report[] = [];
    for (const placement of placements) {
      if (placement.kind === 'Announce' || placement.kind === 'Withhold') {
        reports.push(...this.#held(placement, links, context));
      } else if (placement.kind === 'Silent' && placement.holder === undefined) {
        const finding = whyNotHeld(placement);
        if (finding && context.isReporter(placement.vip)) reports.push(unheld(placement, finding));
      }
    }
    return reports;
  }

  #held(placement: HeldPlacement, links: string, context: ReportContext): readonly Report[] {
    const state = context.stateOf(placement.uid);
    const verified = placement.kind === 'Announce' ? context.verifiedOf(placement.uid) : undefined;
    const spread = placement.kind === 'Announce' ? context.spreadOf(placement.vip) : undefined;
    const fault = placement.kind === 'Announce' ? context.dataPathFault(placement.uid) : undefined;
    const now = { state, verified, spread, fault };
    const known = this.#reported.get(placement);
    const isOld = known?.links === links && known.state === state && known.fault === fault;
    if (isOld && isSame(known.verified, verified) && isSame(known.spread, spread)) return known.reports;
    const reports = held(placement, now, context);
    this.#reported.set(placement, { ...now, links, reports });
    return reports;
  }
}

function isSame(a: Finding<string> | undefined, b: Finding<string> | undefined): boolean {
  if (a === b) return true;
  return a?.status === b?.status && a?.reason === b?.reason && a?.message === b?.message;
}

/** An entry has room for this many links of its holder. */
const mostLinks = 64;

type HeldPlacement = Extract<Placement, { readonly kind: 'Announce' | 'Withhold' }>;

function held(
  placement: HeldPlacement,
  { state, verified, spread, fault }: Omit<Reported, 'links' | 'reports'>,
  context: ReportContext,
): readonly Report[] {
  const { vip: address, uid, term, kind } = placement;
  const { self } = context;
  if (state.kind === 'Probing' || (kind === 'Withhold' && placement.reason === 'DataPathPending')) return [];
  const links = context.links
    .filter(({ name }) => placement.links.includes(name))
    .map(({ name, mac }) => ({ name, mac }));
  const conflict = conflictOf(address, state);
  const announces = kind === 'Announce';
  const why = announces ? announced(placement, { links, self, fault }) : whyWithheld(placement, conflict, self);
  return [
    {
      ...{ uid, address, holder: { node: self, term, announces, links: links.slice(0, mostLinks) } },
      conflict: 'mac' in state ? { mac: state.mac } : undefined,
      conditions: [why as Finding, verified, spread, conflict]
        .filter((one) => one !== undefined)
        .map(withFittingMessage),
    },
  ];
}

function whyWithheld(
  { vip, reason }: Extract<Placement, { readonly kind: 'Withhold' }>,
  conflict: Finding | undefined,
  self: string,
): Partial<Finding> {
  if (reason !== 'NoNodeAddress') return { ...conflict, type: 'Announced', status: 'False' };
  const message = `${vip} is not announced: with hand-off NodePort node ${self} needs an address of the same family`;
  return { type: 'Announced', status: 'False', reason, message };
}

/** Where an address is announced, and what is wrong with its data path. */
interface AnnouncedFrom {
  readonly links: readonly { readonly name: string; readonly mac: string }[];
  readonly self: string;
  readonly fault: Reported['fault'];
}

function announced(
  { vip, damped }: Extract<Placement, { readonly kind: 'Announce' }>,
  { links, self, fault }: AnnouncedFrom,
): Finding {
  const on = listed(links.map(({ name, mac }) => `${name} (${mac})`));
  const message = `${vip} is announced by node ${self} on ${on}`;
  if (fault !== undefined) {
    return { type: 'Announced', status: 'True', reason: fault, message: `${message}; but ${faultTexts[fault]}` };
  }
  if (!damped) return { type: 'Announced', status: 'True', reason: 'Announced', message };
  const stays = `${message}; it should move, but it moved three times in three minutes, so it stays while the node is alive`;
  return { type: 'Announced', status: 'True', reason: 'MoveDamped', message: stays };
}

const faultTexts = {
  NoEndpoints: 'no endpoint serves that can be reached from that node',
  RulesRefused: "the node's kernel refuses its nftables rules: the log of the speaker names the cause",
  DataPathUnproven: 'kube-proxy on that node has not written its rules since the address was assigned',
} as const;

function conflictOf(address: Ip, state: ConflictState): Finding | undefined {
  const conflict = (reason: Reason, message: string): Finding => ({
    type: 'Conflict',
    status: 'True',
    reason,
    message,
  });
  if (state.kind === 'Taken') {
    return conflict('AddressTaken', `another host, ${state.mac}, answers for ${address}: it is not announced`);
  }
  if (state.kind === 'OtherProgram') {
    const until = 'it is not announced until that changes';
    if (state.link !== undefined) {
      const what = `${address} is an address of link ${state.link} (${state.mac}) of node ${state.node} itself`;
      return conflict('AnnouncedByOtherProgram', `${what}: ${until}`);
    }
    const who = `another program on node ${state.node} (${state.mac})`;
    return conflict('AnnouncedByOtherProgram', `${who} answers for ${address}: it is not announced until that stops`);
  }
  if (state.kind === 'Clear' && state.proxy !== undefined) {
    const message = `host ${state.proxy} answers for any address (proxy ARP), also for ${address}: it is ignored`;
    return { type: 'Conflict', status: 'False', reason: 'ProxyArp', message };
  }
  if (state.kind !== 'Contested') return undefined;
  const who = state.node === undefined ? 'another host' : `another program on node ${state.node}`;
  return conflict('ForeignClaim', `${who}, ${state.mac}, claims ${address} too: clients may reach either of them`);
}

/** Why no node holds a VIP, if an administrator should know. */
function whyNotHeld({ vip, reason }: Extract<Placement, { readonly kind: 'Silent' }>): Finding | undefined {
  const silent = (why: SilenceReason, message: string): Finding => {
    return { type: 'Announced', status: 'False', reason: why, message };
  };
  switch (reason) {
    case 'NoLocalEndpoints':
      return silent(reason, `no node that may announce ${vip} has a ready endpoint (externalTrafficPolicy: Local)`);
    case 'NetworkAddress':
      return silent(
        reason,
        `${vip} is the first or the last address of its subnet: hosts do not resolve such an address`,
      );
    case 'NoCandidate':
    case 'NoUsableLink': {
      const message = `no node with a live speaker, selected by an L2Advertisement, has a link in the subnet of ${vip}`;
      return silent('NoCandidate', message);
    }
    default:
      return undefined;
  }
}

function unheld({ vip: address, uid }: Placement, finding: Finding): Report {
  const conflict =
    finding.reason === 'NetworkAddress' ? [{ ...finding, type: 'Conflict', status: 'True' } as const] : [];
  const conditions = [finding, ...conflict].map(withFittingMessage);
  return { uid, address, holder: undefined, conflict: undefined, conditions };
}
