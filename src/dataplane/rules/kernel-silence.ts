/**
 * Keeps the kernel silent about VIPs. kube-proxy in IPVS mode assigns the VIPs to every node, and a kernel that owns a
 * VIP would answer ARP and Neighbor Solicitations for it. The speaker's own frames do not pass these hooks, since they
 * leave through a packet socket.
 */
import { familyOf, type Ip, ipToNumber, isLinkLocal } from '../../addr/ip.ts';
import { chain, hookChain, setOf, type TableFragment } from '../nft/fragment.ts';
import type { LinkPath, VipPath } from '../plan/spec.ts';
import { vipSet } from './vip-counters.ts';

/** The VIPs that no node announces: they are not in the set of VIPs, whose packets are counted. */
const silentSet = 'silent_vips';

/**
 * Drops the kernel's ARP replies for VIPs. Its requests cannot be dropped, or it would reach no host. But a request
 * with a VIP as the sender's address gets the link's own address instead, since receivers learn from it (RFC 826).
 */
export function silenceKernelArp(vips: readonly VipPath[], links: readonly LinkPath[]): TableFragment {
  const renamed = links.flatMap(({ name, addresses }) => {
    const own = addresses.find((address) => familyOf(address) === 'IPv4');
    return own === undefined ? [] : [`oifname "${name}" arp saddr ip set ${own}`];
  });
  const own = vips.map(({ address }) => address).filter((address) => familyOf(address) === 'IPv4');
  return {
    collections: { [vipSet]: setOf('ipv4_addr', own) },
    chains: {
      silence_kernel: hookChain('filter hook output priority filter', [`arp saddr ip @${vipSet} goto silenced`]),
      silenced: chain('arp operation reply drop', ...renamed),
    },
  };
}

/**
 * The same for IPv6. The target of an advertisement is in its body (RFC 4861 section 4.4), the sender of a solicitation
 * in the IP header.
 */
export function silenceKernelNdp(vips: readonly VipPath[], links: readonly LinkPath[]): TableFragment {
  const targets = vips.map(({ address }) => `0x${ipToNumber(address).toString(16).padStart(32, '0')}`);
  const silent = vips.filter(({ restraint }) => restraint === 'Silent').map(({ address }) => address);
  const renamed = links.flatMap(({ name, addresses }) => {
    const own = addresses.find(isGlobal);
    const rule = `oifname "${name}" icmpv6 type nd-neighbor-solicit ip6 saddr`;
    return own === undefined ? [] : [vipSet, silentSet].map((set) => `${rule} @${set} ip6 saddr set ${own}`);
  });
  return {
    collections: {
      [silentSet]: setOf('ipv6_addr', silent),
      advertised: { kind: 'set', spec: 'typeof @th,64,128', elements: new Map(targets.map((target) => [target, ''])) },
    },
    chains: {
      silence_kernel: hookChain('filter hook output priority filter', [
        'icmpv6 type nd-neighbor-advert @th,64,128 @advertised drop',
        ...renamed,
      ]),
    },
  };
}

function isGlobal(address: Ip): boolean {
  return familyOf(address) === 'IPv6' && !isLinkLocal(address);
}
