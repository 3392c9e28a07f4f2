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

/** The tables for a node's data path. */
export function rulesetOf(path: DataPath): Ruleset {
  return [
    familyTable('IPv4', path),
    familyTable('IPv6', path),
    tableOf('arp', [silenceKernelArp(path.vips, path.links)]),
    tableOf('netdev', [spreadOut(path)]),
  ];
}

function familyTable(family: Family, path: DataPath): Ruleset[number] {
  const dialect = dialects[family];
  const vips = path.vips.filter(({ address }) => familyOf(address) === family);
  const { nodeAddresses, zone } = path;
  return tableOf(dialect.ip, [
    watchVips(dialect, vips, path.synLimit),
    handOff(dialect, { vips, nodeAddresses }, zone),
    handOn(
      dialect,
      { chances: path.chances.filter(({ vip }) => familyOf(vip) === family) },
      { ...path, spread: path.spread.filter(({ vip }) => familyOf(vip) === family) },
    ),
    answerPings(dialect, path),
    avoidDeadEndpoints(dialect, path.deadEndpoints),
    refuseUnserved(dialect, vips, path.links),
    ...(family === 'IPv6' ? [silenceKernelNdp(vips, path.links)] : []),
  ]);
}
