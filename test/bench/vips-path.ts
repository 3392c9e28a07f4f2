/** Data paths with many VIPs, as a node of a large installation has them. Pure. */
import { type Ip, ipFromNumber, ipToNumber } from '../../src/addr/ip.ts';
import { slotsOf } from '../../src/dataplane/plan/slots.ts';
import type { DataPath } from '../../src/dataplane/plan/spec.ts';
import { linkName } from '../net/namespaces.ts';

/** How the VIPs are served: by kube-proxy, by rewriting to node ports, or spread over three nodes. */
export type Kind = 'KubeProxy' | 'NodePort' | 'Spread';

/** The first VIP, and the port of each VIP. */
export const firstVip = '10.99.16.0' as Ip;
export const vipPort = 80;

/** This node and the two other ones, which share the VIPs of kind `Spread`. */
export const nodes = [
  { name: 'node1', address: '10.99.0.2' as Ip, mac: '02:00:00:00:00:aa' },
  { name: 'node2', address: '10.99.0.12' as Ip, mac: '02:00:00:00:00:0c' },
  { name: 'node3', address: '10.99.0.13' as Ip, mac: '02:00:00:00:00:0d' },
] as const;

/** There are more than Kubernetes would allocate, but each rewritten port needs its own. */
const firstNodePort = 20_000;

/** Returns a function that makes data paths of a kind. They share their common parts, as the paths of a speaker do. */
export function pathsOf(kind: Kind): (count: number) => DataPath {
  const [self, ...peers] = nodes;
  const slots = slotsOf(
    nodes.map(({ name }) => ({ node: name, weight: 1 })),
    [],
  );
  const table = { name: 'all', key: 'all', slots };
  const neighbors = new Map<string, (typeof peers)[number]>(peers.map((peer) => [peer.name, peer]));
  const known = {
    protocol: 'udp',
    port: vipPort,
    sources: undefined,
    sticky: false,
    vacant: false,
  } as const;
  const vips: DataPath['vips'][number][] = [];
  const spread: DataPath['spread'][number][] = [];
  const grow = (count: number) => {
    for (let i = vips.length; i < count; i++) {
      const address = ipFromNumber(ipToNumber(firstVip) + BigInt(i), 'IPv4');
      const nodePort = kind === 'NodePort' ? firstNodePort + i : undefined;
      vips.push({ address, ports: [{ ...known, nodePort, local: undefined }] });
      if (kind === 'Spread') {
        spread.push({
          vip: address,
          link: linkName,
          ports: [{ protocol: 'udp', port: vipPort, sticky: false, table }],
        });
      }
    }
  };
  return (count) => {
    grow(count);
    return {
      ...{ self: self.name, vips: vips.slice(0, count), spread: spread.slice(0, count) },
      spreadLinks: kind === 'Spread' ? [linkName] : [],
      peerMacs: peers.map(({ mac }) => mac),
      neighborFor: (node) => {
        const peer = neighbors.get(node);
        return peer && { node, address: peer.address, mac: peer.mac, link: linkName };
      },
      ...{ chances: [], holders: [], deadEndpoints: [], synLimit: undefined, zone: 7932 },
      nodeAddresses: { IPv4: self.address },
      links: [{ name: linkName, addresses: [self.address], hasVips: true }],
    };
  };
}
