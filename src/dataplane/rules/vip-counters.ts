/** The set of VIPs with counters of packets and bytes, and optionally a limit of new connections. */
import type { Dialect } from '../nft/family.ts';
import { chain, hookChain, setOf, type TableFragment } from '../nft/fragment.ts';
import type { VipPath } from '../plan/spec.ts';

/** The set of all VIPs of the family. Its elements have counters. */
export const vipSet = 'vips';

/** The chain that applies the limit. */
export const watchedChain = 'watched';

/** Counts packets to a VIP before any other rule sees them, and limits a flood of SYNs (RFC 4987). */
export function watchVips(
  { ip, address }: Dialect,
  vips: readonly VipPath[],
  synLimit: number | undefined,
): TableFragment {
  const isSyn = 'tcp flags & (fin | syn | rst | ack) == syn';
  const limit = `update @syns { ${ip} daddr limit rate over ${synLimit}/second burst ${synLimit} packets } counter drop`;
  const limited = synLimit !== undefined;
  return {
    collections: {
      [vipSet]: setOf(
        `${address}; counter`,
        vips.map((vip) => vip.address),
      ),
      ...(limited ? { syns: setOf(`${address}; size 65535; flags dynamic; timeout 1m`) } : {}),
    },
    chains: {
      watch: hookChain('filter hook prerouting priority raw - 20', [`${ip} daddr @${vipSet} goto ${watchedChain}`]),
      // The lookup in the set has already counted the packet.
      [watchedChain]: limited ? chain(`${isSyn} ${limit}`) : chain('accept'),
    },
  };
}
