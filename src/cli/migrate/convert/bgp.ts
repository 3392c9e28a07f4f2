/**
 * Reports MetalLB's BGP objects. Berth announces by ARP and Neighbor Discovery only, so none of them is
 * carried over.
 */

import { FieldReport, type FieldRow } from './field-report.ts';
import { type Manifest, titleOf } from './manifest.ts';

const kinds: Readonly<Record<string, string>> = {
  BGPAdvertisement: "Berth has no BGP: it answers ARP and Neighbor Solicitations in the nodes' own network",
  BGPPeer: 'Berth opens no session to a router',
  Community: 'communities exist in BGP only',
  FRRConfiguration: 'FRR is a program for BGP',
  BFDProfile: "BFD watches BGP sessions; Berth's speakers watch each other (400 ms, without configuration)",
};

/** Whether an object is of a kind that only BGP needs. */
export function isBgp({ kind }: Manifest): boolean {
  return Object.hasOwn(kinds, kind);
}

/** The rows of such an object: one for the object, and one for each of its fields. */
export function reportBgp(raw: Manifest): readonly FieldRow[] {
  const notes = new FieldReport(titleOf(raw));
  const why = kinds[raw.kind] ?? '';
  notes.notCarried('', why, todoOf(raw.kind));
  for (const field of Object.keys(raw.spec ?? {}))
    notes.notCarried(`spec.${field}`, `not carried, like the whole ${raw.kind}`);
  return notes.rows;
}

function todoOf(kind: string): string | undefined {
  return kind === 'BGPAdvertisement'
    ? "if the pool's addresses are in the nodes' network, use an L2Advertisement; otherwise keep MetalLB for this pool"
    : undefined;
}
