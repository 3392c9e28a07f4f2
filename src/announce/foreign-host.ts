/**
 * Decides which host is reported, of those that claim a VIP of this node. Two hosts, or one with two hardware addresses,
 * may claim it in turn: the report must not change with every frame.
 */

/** A host that claims a VIP; `node` is set if it is a node of the cluster. */
interface Claimant {
  readonly mac: string;
  readonly node: string | undefined;
}

/** The reported host: since when it claims the VIP, and its last claim. */
export interface ForeignHost extends Claimant {
  readonly since: number;
  readonly at: number;
}

/** After this time without a claim of the reported host another one takes its place. A taken VIP is probed every 10 s. */
const keepMs = 12_000;

/** The reported host after another claim. A host that is no node counts before a node, which may have an old view only. */
export function foreignHostAfter(before: ForeignHost | undefined, { mac, node }: Claimant, now: number): ForeignHost {
  const begun = { mac, node, since: now, at: now };
  if (before === undefined || now - before.at >= keepMs) return begun;
  if (before.mac === mac || (node !== undefined && before.node === node)) return { ...before, at: now };
  return node === undefined && before.node !== undefined ? begun : before;
}
