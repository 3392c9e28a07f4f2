/**
 * Checks of the links in the network of a pool: the way of replies, and other programs that answer or drop
 * packets there.
 */
import { familyOf, ipToNumber } from '../../addr/ip.ts';
import { isRange, parseRange } from '../../addr/range.ts';
import { holds, intersect, rangeSet } from '../../addr/range-set.ts';
import { parseLinkAddress } from '../../addr/subnet.ts';
import { answeringSpeakers, type Facts, type JudgedStatus } from './facts.ts';
import { type Check, type Found, few, unknown } from './finding.ts';
import { ofFacts, ofNodes } from './per-node.ts';

/** The checks, in the order in which their findings are printed. */
export const linkChecks: readonly Check<Facts>[] = [
  { id: 'PoolOverlapsLinks', judge: poolOverlapsLinks },
  { id: 'StrictReversePath', judge: strictReversePath },
  { id: 'ReturnPath', judge: returnPath },
  { id: 'ProxyArpOn', judge: proxyArpOn },
  { id: 'IngressPrograms', judge: ingressPrograms },
  { id: 'SpreadPathBlocked', judge: spreadPathBlocked },
  { id: 'LinkUnusable', judge: linkUnusable },
];

/** Links that could answer for an address of a pool. */
function vipLinks({ pools }: Facts, { links }: JudgedStatus): JudgedStatus['links'] {
  const wanted = rangeSet(pools.flatMap(({ ranges }) => ranges));
  const subnets = (addresses: readonly string[]) => rangeSet(addresses.map(parseRange).filter(isRange));
  return links.filter(({ addresses }) => intersect(subnets(addresses), wanted).length > 0);
}

/** kube-proxy in IPVS mode has every address of a Service on this link. */
const ipvsLink = 'kube-ipvs0';

/** Addresses of links that the Node object does not have: Berth does not know them, and may give them out. */
function poolOverlapsLinks(facts: Facts): readonly Found[] {
  const known = new Set([
    ...facts.nodes.flatMap(({ addresses }) => addresses),
    ...facts.ledger.map(({ address }) => address),
    ...facts.services.flatMap(({ ingress }) => ingress.flatMap(({ ip = [] }) => ip)),
  ]);
  const found = answeringSpeakers(facts).flatMap(({ node, status }) => {
    const links = status.links.filter(({ name }) => name !== ipvsLink);
    const own = links.flatMap(({ name, addresses }) =>
      addresses.map((text) => [name, parseLinkAddress(text)] as const),
    );
    return own.flatMap(([name, { address } = {}]): readonly Found[] => {
      if (address === undefined || known.has(address)) return [];
      const pool = facts.pools.find(({ ranges }) => holds(ranges, familyOf(address), ipToNumber(address)));
      if (pool === undefined) return [];
      return [
        {
          severity: 'warn',
          where: `pool ${pool.name}`,
          what: `contains ${address}, an address of the link ${name} of node ${node}: Berth may give it to a Service`,
          todo: 'add it to spec.exclude of the pool, or remove it from the link',
        },
      ];
    });
  });
  return found.length > 0 ? found : ofNodes(facts, () => [], 'no pool contains an address of a link of a node');
}

/** Those of these links that no default route uses. */
function sideLinks(facts: Facts, status: JudgedStatus): readonly string[] {
  const { ipv4 = [], ipv6 = [] } = status.facts?.defaultLinks ?? {};
  const main = new Set([...ipv4, ...ipv6]);
  return main.size === 0
    ? []
    : vipLinks(facts, status)
        .map(({ name }) => name)
        .filter((name) => !main.has(name));
}

function strictReversePath(facts: Facts): readonly Found[] {
  return ofFacts(
    facts,
    ({ allLinks, links }, where, status) => {
      const strict = sideLinks(facts, status).filter(
        (name) => Math.max(allLinks?.rpFilter ?? 0, links?.[name]?.rpFilter ?? 0) === 1,
      );
      return strict.map((name) => ({
        severity: 'warn',
        where: `${where}, link ${name}`,
        what: 'rp_filter is strict (1), and the default route uses another link: packets of clients behind a router are dropped here',
        todo: `sysctl -w net.ipv4.conf.${name}.rp_filter=2, and keep it in /etc/sysctl.d`,
      }));
    },
    'no link whose clients may be behind a router has a strict rp_filter',
  );
}

function returnPath(facts: Facts): readonly Found[] {
  return ofFacts(
    facts,
    (_, where, status) =>
      sideLinks(facts, status).map((name) => ({
        severity: 'info',
        where: `${where}, link ${name}`,
        what: 'addresses are announced here, but replies to clients behind a router leave by the default route on another link; this check ignores policy routing',
        todo: 'nothing, if all clients are on this link or the routers accept both ways; otherwise add a routing rule for the source addresses of the pool',
      })),
    'replies leave by the link on which the requests arrive',
  );
}

/** With proxy ARP or NDP, the kernel answers for addresses that it has a route to by another link, also for VIPs. */
function proxyArpOn(facts: Facts): readonly Found[] {
  return ofFacts(
    facts,
    ({ allLinks, links = {} }, where, status) =>
      vipLinks(facts, status).flatMap(({ name }) => {
        const names = [
          ...(links[name]?.proxyArp || allLinks?.proxyArp ? ['ipv4.conf.*.proxy_arp'] : []),
          ...(links[name]?.proxyNdp || allLinks?.proxyNdp ? ['ipv6.conf.*.proxy_ndp'] : []),
        ];
        return names.map((setting) => ({
          severity: 'warn' as const,
          where: `${where}, link ${name}`,
          what: `net.${setting.replace('*', name)} is 1: the kernel of the node answers for addresses that it reaches by another link`,
          todo: `sysctl -w net.${setting.replace('*', name)}=0, unless another program needs it (some network plugins need it, but only on the links of their Pods)`,
        }));
      }),
    'no kernel has proxy ARP or NDP on a link in the network of a pool',
  );
}

function ingressPrograms(facts: Facts): readonly Found[] {
  const wantsSpread = facts.advertisements.some(({ distribution }) => distribution === 'Spread');
  return ofNodes(
    facts,
    (status, where) => {
      const names = vipLinks(facts, status).map(({ name }) => name);
      const { programs } = status.facts ?? {};
      if (programs === undefined)
        return unknown('the speaker does not report which links have programs (tc, XDP)', where);
      const hit = programs.filter((name) => names.includes(name));
      if (hit.length === 0) return [];
      return [
        {
          severity: wantsSpread ? 'warn' : 'info',
          where,
          what: `a program (tc, XDP) gets the packets of ${few(hit)} first: distribution Spread does not work there`,
          todo: wantsSpread ? 'use distribution: Single for these nodes' : 'nothing',
        },
      ];
    },
    'no program is attached to the ingress of the links (programs attached by tcx cannot be seen)',
  );
}

function spreadPathBlocked(facts: Facts): readonly Found[] {
  if (!facts.advertisements.some(({ distribution }) => distribution === 'Spread')) {
    return unknown(
      'not tested whether the network drops packets with the source address of another host: this runs only if an L2Advertisement has distribution: Spread',
    );
  }
  return ofNodes(
    facts,
    ({ links }, where) =>
      links
        .filter(({ blocked }) => blocked.length > 0)
        .map(({ name, blocked }) => ({
          severity: 'warn',
          where: `${where}, link ${name}`,
          what: `packets that ${few(blocked)} sends with the source address of another host do not arrive: a hypervisor or a switch has anti-spoofing`,
          todo: "allow the pool's addresses and any source on the ports of the nodes (allowed address pairs, port security), or use distribution: Single",
        })),
    'packets with the source address of another host pass between all nodes',
  );
}

function linkUnusable(facts: Facts): readonly Found[] {
  return ofNodes(
    facts,
    (status, where) =>
      vipLinks(facts, status)
        .filter(({ unusable, noInboundTraffic }) => noInboundTraffic || unusable !== undefined)
        .map(({ name, unusable, noInboundTraffic }) => ({
          severity: 'warn',
          where: `${where}, link ${name}`,
          what: noInboundTraffic
            ? 'has a carrier, but receives no packets from other nodes'
            : `is in the network of a pool, but cannot carry announcements: ${unusable}`,
          todo: noInboundTraffic
            ? 'check the cable, the switch port and the VLAN'
            : 'set the link up, or check the bond or bridge that it is part of',
        })),
    'every link in the network of a pool can carry announcements',
  );
}
