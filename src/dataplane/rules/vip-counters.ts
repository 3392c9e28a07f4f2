/** The VIPs as a set, with what each was sent: packets and bytes, and if wanted a limit of new connections. */
import type { Dialect } from '../nft/family.ts';
import { chain, hookChain, setOf, type TableFragment } from '../nft/fragment.ts';
import type { VipPath } from '../plan/spec.ts';

/** The set of all VIPs of the family. Its elements count. */
export const vipSet = 'vips';

/** The chain that drops what is too much. */
export const watchedChain = 'watched';

/** Counts what comes for a VIP before anything happens to it, and holds back a flood of SYNs (RFC 4987). */
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
      // The lookup that leads here has counted the packet.
      [watchedChain]: limited ? chain(`${isSyn} ${limit}`) : chain('accept'),
    },
  };
}
