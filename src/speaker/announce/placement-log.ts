/** Logs how the placements of VIPs on this node change. */
import type { Placement, SilenceReason } from '../../announce/placements.ts';
import type { Logger } from '../../runtime/logger.ts';

/** Logs one line for each VIP whose placement has changed. */
export function logChanges(log: Logger, before: readonly Placement[], now: readonly Placement[]): void {
  const former = new Map(before.map((placement) => [placement.vip, placement]));
  for (const placement of now) {
    const { vip, holder } = placement;
    const last = former.get(vip);
    former.delete(vip);
    if (last === placement || JSON.stringify(last) === JSON.stringify(placement)) continue;
    if (placement.kind === 'Announce') log.info({ vip, links: placement.links, term: placement.term }, 'announcing');
    else if (placement.kind === 'Withhold') {
      const { reason } = placement;
      if (reason !== 'ProbingFirst' && reason !== 'DataPathPending')
        log.warn({ vip, reason }, 'held but not announced');
    } else if (placement.kind === 'StandIn') log.info({ vip, holder, links: placement.links }, 'standing in');
    else if (last?.kind === 'Announce') log.info({ vip, holder, reason: placement.reason }, 'no longer announcing');
    else if (warnedReasons.has(placement.reason)) log.warn({ vip, holder, reason: placement.reason }, 'not announced');
    else log.debug({ vip, holder, reason: placement.reason }, 'silent');
  }
  for (const [vip, { kind }] of former)
    if (kind === 'Announce') log.info({ vip, reason: 'Released' }, 'no longer announcing');
}

/** Reasons for silence that an administrator should know: they are logged as warnings. */
const warnedReasons: ReadonlySet<SilenceReason> = new Set([
  'NoUsableLink',
  'NetworkAddress',
  'LivenessBlocked',
  'HolderStillAnswers',
]);
