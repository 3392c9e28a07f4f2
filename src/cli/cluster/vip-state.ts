/** The state of each address of the ledger: its holder, whether it is announced, and the one reason if it is not. */
import type { DesiredVips } from '../../announce/desired-vips.ts';
import { type AllocationView, allocationCondition, allocationConditions } from '../../api/allocation.ts';
import type { Condition } from '../../api/meta.ts';
import type { VipStatus } from '../../api/speaker-status.ts';
import type { SpeakerAnswer } from './speakers.ts';

/** The state of an address, for people and programs. */
export interface VipState {
  readonly address: string;
  readonly pool: string;
  /** `namespace/name` of the Services that use it. */
  readonly services: readonly string[];
  /** The end of its reservation; absent if the address is in use. */
  readonly reservedUntil?: string;
  readonly holder?: string;
  readonly links: readonly { readonly name: string; readonly mac: string }[];
  readonly announced: boolean;
  readonly reason: string;
  readonly message: string;
  readonly verified: 'True' | 'False' | 'Unknown';
  readonly verifiedReason: string;
  readonly since?: string;
  readonly conflict?: { readonly reason: string; readonly message: string };
  readonly moveTo?: string;
}

/** Messages for addresses that no node should announce. */
const unwantedText = {
  NotInStatus: 'no Service has it in its status yet',
  NoAdvertisement: 'no L2Advertisement covers its pool',
  NoCandidate: 'no node with a speaker may announce it',
  NoLocalEndpoints: 'no node that may announce it has a ready endpoint (externalTrafficPolicy: Local)',
} as const;

/** Reasons that mean that no node holds the address, even if the status still records a holder. */
export const reasonsWithoutHolder: ReadonlySet<string> = new Set(['NoCandidate', 'NoUsableLink', 'NoLocalEndpoints']);

/** The states of all entries, sorted by address. */
export function vipStates(
  ledger: readonly AllocationView[],
  demands: DesiredVips,
  answers: readonly SpeakerAnswer[],
): readonly VipState[] {
  const unwanted = new Map(demands.unwanted.map(({ uid, reason }) => [uid, reason]));
  const reported = new Map<string, VipStatus[]>();
  for (const vip of answers.flatMap(({ status }) => status?.vips ?? [])) {
    const known = reported.get(vip.uid);
    if (known === undefined) reported.set(vip.uid, [vip]);
    else known.push(vip);
  }
  const isAllKnown = answers.length > 0 && answers.every(({ fault }) => fault === undefined);
  return [...ledger]
    .sort((a, b) => (a.value < b.value ? -1 : a.value > b.value ? 1 : 0))
    .map((entry) =>
      stateOf(entry, { unwanted: unwanted.get(entry.uid), reported: reported.get(entry.uid) ?? [], isAllKnown }),
    );
}

/** What is known about an address from other sources than its ledger entry. */
interface Evidence {
  readonly unwanted: keyof typeof unwantedText | undefined;
  /** What each speaker reports about it. */
  readonly reported: readonly VipStatus[];
  /** Whether every speaker answered. */
  readonly isAllKnown: boolean;
}

function stateOf(entry: AllocationView, evidence: Evidence): VipState {
  const { recorded, moveTo, reservedUntil, services } = entry;
  const verified = allocationCondition(entry, allocationConditions.verified);
  const conflict = allocationCondition(entry, allocationConditions.conflict);
  const announcement = announcementOf(entry, evidence);
  // The recorded holder stays in the status after it gave the address up, because of the term.
  const isInUse = recorded !== undefined && evidence.unwanted === undefined && reservedUntil === undefined;
  const isHeld = isInUse && !reasonsWithoutHolder.has(announcement.reason);
  return {
    address: entry.address,
    pool: entry.pool,
    services: services.map(({ namespace, name }) => `${namespace}/${name}`),
    ...(reservedUntil !== undefined && { reservedUntil: new Date(reservedUntil).toISOString() }),
    ...(isHeld && { holder: recorded.node }),
    links: isHeld ? (recorded.links ?? []) : [],
    ...announcement,
    verified: (isHeld && verified?.status) || 'Unknown',
    verifiedReason: (isHeld && verified?.reason) || '',
    ...(isHeld && recorded.since !== undefined && { since: recorded.since }),
    ...(conflict?.status === 'True' && { conflict: { reason: conflict.reason, message: conflict.message } }),
    ...(moveTo !== undefined && { moveTo }),
  };
}

/** The recorded condition, unless the objects contradict it or no speaker announces the address any more. */
function announcementOf(
  entry: AllocationView,
  { unwanted, reported, isAllKnown }: Evidence,
): Pick<VipState, 'announced' | 'reason' | 'message'> {
  if (entry.reservedUntil !== undefined) return { announced: false, reason: 'Reserved', message: reservedText(entry) };
  if (unwanted !== undefined) return { announced: false, reason: unwanted, message: unwantedText[unwanted] };
  const condition: Condition | undefined = allocationCondition(entry, allocationConditions.announced);
  const silent = reported.find(({ action, reason }) => action !== 'Announce' && reason !== 'NotHolder');
  const silentReason = silent?.reason;
  if (condition === undefined) {
    const reason = silentReason ?? 'Pending';
    return { announced: false, reason, message: unwrittenText(silent) };
  }
  const { status, reason, message } = condition;
  if (status === 'True' && isAllKnown && reported.length > 0 && !reported.some(({ action }) => action === 'Announce')) {
    const why = silentReason ?? 'Pending';
    return {
      announced: false,
      reason: why,
      message: `no speaker announces it now; the last condition was: ${message}`,
    };
  }
  return { announced: status === 'True', reason, message };
}

/** What is known about an address before a speaker has written its condition. */
function unwrittenText(silent: VipStatus | undefined): string {
  const { kind, mac } = silent?.conflict ?? {};
  if (kind === 'Taken' && mac !== undefined) return `another host, ${mac}, answers for it: it is not announced`;
  return 'no speaker has written anything about it yet';
}

function reservedText({ quarantine, services }: AllocationView): string {
  if (quarantine !== undefined) return `reserved: ${quarantine.message}`;
  return services.length > 0 ? 'reserved for Services of the same names' : 'reserved for a time after its last use';
}
