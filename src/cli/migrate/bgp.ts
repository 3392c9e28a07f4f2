/** What MetalLB has for BGP: Berth announces by ARP and Neighbor Discovery alone, so nothing of it is carried, and it is said plainly. */

import { FieldReport, type FieldRow } from './field-report.ts';
import { type Manifest, titleOf } from './manifest.ts';

const kinds: Readonly<Record<string, string>> = {
  BGPAdvertisement: "Berth has no BGP: it answers ARP and Neighbor Solicitations in the nodes' own network",
  BGPPeer: 'Berth talks to no router',
  Community: "communities are BGP's",
  BFDProfile: "BFD watches BGP sessions; Berth's speakers watch each other (400 ms, without configuration)",
};

/** Is it an object of a kind that only BGP needs? */
export function isBgp({ kind }: Manifest): boolean {
  return Object.hasOwn(kinds, kind);
}

/** The rows of such an object: one for itself, one for each of its fields. */
export function reportBgp(raw: Manifest): readonly FieldRow[] {
  const notes = new FieldReport(titleOf(raw));
  const why = kinds[raw.kind] ?? '';
  notes.notCarried('', why, todoOf(raw.kind));
  for (const field of Object.keys(raw.spec ?? {})) notes.notCarried(`spec.${field}`, `as the ${raw.kind}`);
  return notes.rows;
}

function todoOf(kind: string): string | undefined {
  return kind === 'BGPAdvertisement'
    ? "if the pool's addresses lie in the nodes' network, an L2Advertisement does the same; otherwise stay with MetalLB for them"
    : undefined;
}
