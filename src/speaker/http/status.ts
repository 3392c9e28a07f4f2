/** The document `/status`: what only this speaker knows, for the command line tool. */

import type { ConflictState } from '../../announce/conflict-detector.ts';
import type { Placement } from '../../announce/placements.ts';
import type { Finding } from '../../announce/reports.ts';
import { unusableReason } from '../../announce/usable-link.ts';
import type { DataPathStatus, LinkStatus, PeerStatus, SpeakerStatus, VipStatus } from '../../api/speaker-status.ts';
import type { Link } from '../../linux/links.ts';
import type { Announcer } from '../announce/announcer.ts';
import { isSynced, type Watched } from '../informers.ts';
import { readNodeFacts } from './node-facts.ts';

/** Whom the document is put together from. */
export interface StatusSources {
  readonly watched: Watched;
  readonly placing: { readonly status: Pick<SpeakerStatus, 'links' | 'vips'> };
  readonly holding: { readonly peers: readonly PeerStatus[] };
  readonly dataPath: { readonly status: DataPathStatus };
  readonly announcer: Pick<Announcer, 'counters'>;
  readonly monitor: { readonly links: () => readonly Link[] };
}

/** The whole document, with what the kernel says now. */
export async function speakerStatus(
  { version, nodeName: node }: { readonly version: string; readonly nodeName: string },
  { watched, placing, holding, dataPath, announcer, monitor }: StatusSources,
): Promise<SpeakerStatus> {
  const facts = await readNodeFacts(monitor.links());
  const own = { version, node, synced: isSynced(watched), ...placing.status };
  return { ...own, peers: holding.peers, dataPath: dataPath.status, frames: announcer.counters(), facts };
}

/** A link for people. */
export function linkStatus(link: Link, { deaf, blocked }: Pick<LinkStatus, 'deaf' | 'blocked'>): LinkStatus {
  const { name, mac, carrier } = link;
  const unusable = unusableReason(link);
  const addresses = link.addresses.map(({ address, prefix }) => `${address}/${prefix}`);
  return { name, mac, addresses, carrier, deaf, blocked, ...(unusable && { unusable }) };
}

/** What is known of a VIP besides its placement. */
export interface VipFacts {
  readonly term: number | undefined;
  readonly conflict: ConflictState;
  readonly spread: Finding<string> | undefined;
}

/** A VIP for people. */
export function vipStatus(placement: Placement, { term, conflict, spread }: VipFacts): VipStatus {
  const { uid, vip: address, holder, kind: action } = placement;
  return {
    ...{ uid, address, action },
    ...(holder !== undefined && { holder }),
    ...(term !== undefined && { term }),
    ...('reason' in placement && { reason: placement.reason }),
    links: 'links' in placement ? placement.links : [],
    damped: placement.kind === 'Announce' && placement.damped,
    ...(isTold(conflict) && { conflict: conflictStatus(conflict) }),
    ...(spread && { spread: { reason: spread.reason, message: spread.message } }),
  };
}

function isTold(state: ConflictState): boolean {
  return state.kind !== 'Clear' || state.proxy !== undefined;
}

function conflictStatus(state: ConflictState): NonNullable<VipStatus['conflict']> {
  if (state.kind === 'Clear') return { kind: 'ProxyArp', ...(state.proxy && { mac: state.proxy }) };
  const mac = 'mac' in state ? state.mac : undefined;
  const node = 'node' in state ? state.node : undefined;
  return { kind: state.kind, ...(mac && { mac }), ...(node && { node }) };
}
