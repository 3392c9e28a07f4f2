/** Checks of the links in the network of a pool: which way answers go, and who else answers there. */
import { isRange, parseRange } from '../../addr/range.ts';
import { intersect, rangeSet } from '../../addr/range-set.ts';
import type { Facts, JudgedStatus } from './facts.ts';
import { type Check, type Found, few, unknown } from './finding.ts';
import { ofFacts, ofNodes } from './per-node.ts';

/** In the order in which they are told. */
export const linkChecks: readonly Check<Facts>[] = [
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

/** Those of them that no default route leaves by. */
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
        what: 'rp_filter is strict (1), and the default route leaves by another link: packets of clients beyond a router are dropped here',
        todo: `sysctl -w net.ipv4.conf.${name}.rp_filter=2, and keep it in /etc/sysctl.d`,
      }));
    },
    'no strict rp_filter on a link whose clients may come by a router',
  );
}

function returnPath(facts: Facts): readonly Found[] {
  return ofFacts(
    facts,
    (_, where, status) =>
      sideLinks(facts, status).map((name) => ({
        severity: 'info',
        where: `${where}, link ${name}`,
        what: 'addresses are announced here, and answers to clients beyond a router leave by the default route, another link; rules for policy routing are not looked at',
        todo: 'nothing where all clients are on the link or the routers take both ways; else a routing rule for the source addresses of the pool',
      })),
    'answers leave by the link that requests come by',
  );
}

/** The host answers for addresses that it has a route to, on other links: for VIPs too. */
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
          what: `net.${setting.replace('*', name)} is 1: the kernel of the node answers for addresses that it has a route to by another link`,
          todo: `sysctl -w net.${setting.replace('*', name)}=0, unless something of yours needs it (some network plugins do on the links of their Pods, not on this one)`,
        }));
      }),
    'no kernel answers for others on a link with addresses of a pool',
  );
}

function ingressPrograms(facts: Facts): readonly Found[] {
  const wantsSpread = facts.advertisements.some(({ distribution }) => distribution === 'Spread');
  return ofNodes(
    facts,
    (status, where) => {
      const names = vipLinks(facts, status).map(({ name }) => name);
      const { programs } = status.facts ?? {};
      if (programs === undefined) return unknown('whether programs hang on the links', where);
      const hit = programs.filter((name) => names.includes(name));
      if (hit.length === 0) return [];
      return [
        {
          severity: wantsSpread ? 'warn' : 'info',
          where,
          what: `programs (tc, XDP) see the packets of ${few(hit)} first: Spread cannot be used there`,
          todo: wantsSpread ? 'distribution: Single for these nodes' : 'nothing',
        },
      ];
    },
    'no program is seen at the ingress of the links (those of tcx cannot be seen)',
  );
}

function spreadPathBlocked(facts: Facts): readonly Found[] {
  if (!facts.advertisements.some(({ distribution }) => distribution === 'Spread')) {
    return unknown(
      'whether the network drops packets in the name of others: it is only tried where an L2Advertisement wants Spread',
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
          what: `packets that ${few(blocked)} sends in the name of others do not arrive: anti-spoofing of a hypervisor or a switch`,
          todo: "allow the pool's addresses and any source on the ports of the nodes (allowed address pairs, port security), or use Single",
        })),
    'packets in the name of others pass between all nodes',
  );
}

function linkUnusable(facts: Facts): readonly Found[] {
  return ofNodes(
    facts,
    (status, where) =>
      vipLinks(facts, status)
        .filter(({ unusable, deaf }) => deaf || unusable !== undefined)
        .map(({ name, unusable, deaf }) => ({
          severity: 'warn',
          where: `${where}, link ${name}`,
          what: deaf
            ? 'has a signal, and nothing comes through'
            : `has addresses of the network of a pool, and carries no announcement: ${unusable}`,
          todo: deaf ? 'cable, switch port, VLAN' : 'set it up, or look at the bond or bridge that it is part of',
        })),
    'every link in the network of a pool can be used',
  );
}
