/** The complete desired state of Berth's tables. */
import { type Family, familyOf } from '../../addr/ip.ts';
import { dialects } from '../nft/family.ts';
import { tableOf } from '../nft/fragment.ts';
import type { Ruleset } from '../nft/ruleset.ts';
import type { DataPath } from '../plan/spec.ts';
import { avoidDeadEndpoints } from './dead-endpoints.ts';
import { handOff } from './hand-off.ts';
import { silenceKernelArp, silenceKernelNdp } from './kernel-silence.ts';
import { handOn } from './second-chance.ts';
import { spreadOut } from './spread.ts';
import { answerPings, refuseUnserved } from './unserved.ts';
import { watchVips } from './vip-counters.ts';

/** The tables for a node's data path. Of VIPs that no node announces, only the kernel's own frames are touched: it must not claim them, unless a link of this node has them. */
export function rulesetOf(path: DataPath): Ruleset {
  const silent = new Set(path.vips.filter(({ restraint }) => restraint === 'Silent').map(({ address }) => address));
  const onLinks = new Set(path.links.flatMap(({ addresses }) => addresses));
  // Such an address is one of this node. In IPVS mode kube-proxy keeps VIPs on a link without ARP, which is not among these.
  const vips = path.vips.filter(({ address }) => !(silent.has(address) && onLinks.has(address)));
  return [
    familyTable('IPv4', { ...path, vips }),
    familyTable('IPv6', { ...path, vips }),
    tableOf('arp', [silenceKernelArp(vips, path.links)]),
    tableOf('netdev', [spreadOut({ ...path, spread: path.spread.filter(({ vip }) => !silent.has(vip)) })]),
  ];
}

function familyTable(family: Family, path: DataPath): Ruleset[number] {
  const dialect = dialects[family];
  const all = path.vips.filter(({ address }) => familyOf(address) === family);
  const vips = all.filter(({ restraint }) => restraint !== 'Silent');
  const ours = new Set(vips.map(({ address }) => address));
  const { nodeAddresses, zone } = path;
  return tableOf(dialect.ip, [
    watchVips(dialect, vips, path.synLimit),
    handOff(dialect, { vips, nodeAddresses }, zone),
    handOn(
      dialect,
      { chances: path.chances.filter(({ vip }) => ours.has(vip)) },
      { ...path, spread: path.spread.filter(({ vip }) => ours.has(vip)) },
    ),
    answerPings(dialect, path),
    avoidDeadEndpoints(dialect, path.deadEndpoints),
    refuseUnserved(dialect, vips, path.links),
    ...(family === 'IPv6' ? [silenceKernelNdp(all, path.links)] : []),
  ]);
}
