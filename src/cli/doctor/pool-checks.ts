/** Checks of pools against other addresses in use, and of the addresses that Services have. */
import { familyOf, type Ip, ipToNumber } from '../../addr/ip.ts';
import { formatRange } from '../../addr/range.ts';
import { holds, intersect, type RangeSet, subtract } from '../../addr/range-set.ts';
import { allocationCondition, allocationConditions } from '../../api/allocation.ts';
import type { PoolView } from '../../api/pool.ts';
import { remedyOf } from '../output/reason-text.ts';
import { answeringSpeakers, type Facts } from './facts.ts';
import { type Check, type Found, few, orOk, unknown } from './finding.ts';
import { rangesOffLinks } from './off-links.ts';

/** The checks, in the order in which their findings are printed. */
export const poolChecks: readonly Check<Facts>[] = [
  { id: 'PoolNotReady', judge: poolNotReady },
  { id: 'PoolHostBits', judge: poolHostBits },
  { id: 'PoolOverlapsNodes', judge: poolOverlapsNodes },
  { id: 'PoolOverlapsPods', judge: poolOverlapsPods },
  { id: 'PoolOverlapsServices', judge: poolOverlapsServices },
  { id: 'PoolOverlapsExternalIPs', judge: poolOverlapsExternalIps },
  { id: 'PoolOffLink', judge: poolOffLink },
  { id: 'DuplicateAddress', judge: duplicateAddress },
  { id: 'NotAnnounced', judge: notAnnounced },
  { id: 'DataPathFault', judge: dataPathFault },
  { id: 'NotVerified', judge: notVerified },
];

function poolNotReady({ pools }: Facts): readonly Found[] {
  const found = pools.flatMap(({ name, faults }) =>
    faults.map(
      ({ reason, message }): Found => ({
        severity: 'error',
        where: `pool ${name}`,
        what: `${reason}: ${message}`,
        todo: 'correct the entry; Berth uses the other entries of the pool',
      }),
    ),
  );
  return orOk(found, 'every entry of every pool can be used');
}

function poolHostBits({ pools }: Facts): readonly Found[] {
  const found = pools.flatMap(({ name, hostBits = [] }) =>
    hostBits.map(
      (what): Found => ({
        severity: 'warn',
        where: `pool ${name}`,
        what,
        todo: 'write the network without host bits, or the range FIRST-LAST that you mean',
      }),
    ),
  );
  return orOk(found, 'every CIDR of a pool begins with the first address of its network');
}

function poolOverlapsNodes({ pools, nodes }: Facts): readonly Found[] {
  const found = pools.flatMap(({ name, ranges }) => {
    const inside = nodes.flatMap((node) =>
      node.addresses.filter((ip) => has(ranges, ip)).map((ip) => `${ip} (${node.name})`),
    );
    const what = `contains addresses of nodes: ${few(inside)}; Berth does not give these out, but other hosts may have addresses there too`;
    const todo = 'add them and all other used addresses to spec.exclude, or choose a range that no host uses';
    return inside.length === 0 ? [] : [{ severity: 'warn', where: `pool ${name}`, what, todo } as const];
  });
  return orOk(found, 'no pool contains an address of a node');
}

function poolOverlapsPods({ pools, podRanges, arePodsSampled }: Facts): readonly Found[] {
  const found = pools.flatMap(({ name, ranges }) =>
    [...podRanges].flatMap(([node, pods]) =>
      overlap(ranges, pods).map((text): Found => {
        const what = `${text} belongs to ${arePodsSampled ? 'Pods' : 'a range of Pods'} (node ${node})`;
        return { severity: 'error', where: `pool ${name}`, what, todo: "choose a range in the nodes' network" };
      }),
    ),
  );
  if (found.length === 0 && arePodsSampled) {
    const rest =
      podRanges.size === 0 ? 'no Pod could be read' : 'none of the Pods that were read has an address of a pool';
    return unknown(`no Node has the range of its Pods in spec.podCIDRs; ${rest}`);
  }
  return orOk(found.slice(0, 10), 'no pool contains an address of a Pod');
}

function poolOverlapsServices({ pools, serviceRanges }: Facts): readonly Found[] {
  if ('why' in serviceRanges) return unknown(serviceRanges.why);
  const found = pools.flatMap(({ name, ranges }) =>
    overlap(ranges, serviceRanges.value).map(
      (text): Found => ({
        severity: 'error',
        where: `pool ${name}`,
        what: `${text} is in a range of cluster IPs of Services`,
        todo: "choose a range in the nodes' network",
      }),
    ),
  );
  return orOk(found, 'no pool contains a cluster IP');
}

function poolOverlapsExternalIps({ pools, externalIps }: Facts): readonly Found[] {
  const found = pools.flatMap(({ name, ranges }) =>
    [...externalIps].flatMap(([key, ips]) =>
      overlap(ranges, ips).map(
        (text): Found => ({
          severity: 'warn',
          where: `pool ${name}`,
          what: `${text} is in spec.externalIPs of Service ${key}: kube-proxy takes its packets on every node`,
          todo: 'add it to spec.exclude of the pool, or remove it from the Service',
        }),
      ),
    ),
  );
  return orOk(found, 'no pool contains an external IP of a Service');
}

function poolOffLink(facts: Facts): readonly Found[] {
  const speakers = answeringSpeakers(facts);
  if (speakers.length === 0) return unknown('no speaker reported the links of its node');
  const isComplete = speakers.length === facts.speakers.length;
  const links = speakers.flatMap(({ status }) => status.links);
  const found = facts.pools.flatMap(({ name, ranges }): readonly Found[] => {
    const outside = rangesOffLinks({ name, ranges }, facts.advertisements, links);
    if (outside.length === 0) return [];
    const what = `${few(outside.map(formatRange))}: no node ${isComplete ? '' : 'whose speaker answered '}has a link in this network${isComplete ? ', so no node can answer' : ''}`;
    if (!isComplete) return unknown(what, `pool ${name}`);
    const isWhole = subtract(ranges, outside).length === 0;
    const todo =
      "choose addresses in the nodes' network; or, if a router sends their packets to the nodes, name the link in interfaces of the L2Advertisement";
    return [{ severity: isWhole ? 'error' : 'warn', where: `pool ${name}`, what, todo }];
  });
  return orOk(found, "every pool is in a network of the nodes' links");
}

function duplicateAddress({ ledger }: Facts): readonly Found[] {
  const found = ledger.flatMap((entry): readonly Found[] => {
    const { address, quarantine } = entry;
    const condition = allocationCondition(entry, allocationConditions.conflict);
    const where = `address ${address}`;
    if (condition?.reason === 'ProxyArp')
      return [
        {
          severity: 'info',
          where,
          what: `ProxyArp: ${condition.message}`,
          todo: 'nothing, or turn off proxy ARP for this range at the router',
        },
      ];
    if (condition?.status === 'True')
      return [
        {
          severity: 'error',
          where,
          what: `${condition.reason}: ${condition.message}`,
          todo: remedyOf(condition.reason),
        },
      ];
    if (quarantine)
      return [
        {
          severity: 'warn',
          where,
          what: `reserved, ${quarantine.reason}: ${quarantine.message}`,
          todo: 'find that host, or add the address to exclude of its pool',
        },
      ];
    return [];
  });
  return orOk(found, "no other host is known to use one of Berth's addresses");
}

/** Reasons that pass by themselves, or that are intended. */
const harmless = new Set([
  'NotInStatus',
  'AwaitingClaim',
  'Listening',
  'ProbingFirst',
  'DataPathPending',
  'ConfirmingHolderDown',
]);

function notAnnounced({ ledger }: Facts): readonly Found[] {
  const found = ledger.flatMap((entry): readonly Found[] => {
    const condition = allocationCondition(entry, allocationConditions.announced);
    if (entry.reservedUntil !== undefined || condition === undefined || condition.status === 'True') return [];
    const severity = harmless.has(condition.reason) ? 'info' : 'error';
    return [
      {
        severity,
        where: `address ${entry.address}`,
        what: `${condition.reason}: ${condition.message}`,
        todo: `${remedyOf(condition.reason)}; kubectl berth who-has ${entry.address} shows its state`,
      },
    ];
  });
  return orOk(found, 'every address in use is announced');
}

/** Faults of announced addresses. A Service without endpoints is not ready yet, or intended. `RulesRefused` is a check of its own. */
const dataPathFaults: Readonly<Record<string, Found['severity']>> = {
  DataPathUnproven: 'warn',
  MoveDamped: 'warn',
  NoEndpoints: 'info',
};

function dataPathFault({ ledger }: Facts): readonly Found[] {
  const found = ledger.flatMap((entry): readonly Found[] => {
    const condition = allocationCondition(entry, allocationConditions.announced);
    const severity = condition?.status === 'True' ? dataPathFaults[condition.reason] : undefined;
    if (entry.reservedUntil !== undefined || condition === undefined || severity === undefined) return [];
    const todo = remedyOf(condition.reason);
    return [{ severity, where: `address ${entry.address}`, what: `${condition.reason}: ${condition.message}`, todo }];
  });
  return orOk(found, 'no announced address is known to get no traffic');
}

function notVerified({ ledger }: Facts): readonly Found[] {
  const found = ledger.flatMap((entry): readonly Found[] => {
    const condition = allocationCondition(entry, allocationConditions.verified);
    if (entry.reservedUntil !== undefined || condition?.status !== 'False') return [];
    const todo = remedyOf(condition.reason);
    return [
      { severity: 'error', where: `address ${entry.address}`, what: `${condition.reason}: ${condition.message}`, todo },
    ];
  });
  return orOk(found, 'no address failed its verification from a second node');
}

function has(ranges: RangeSet, ip: Ip): boolean {
  return holds(ranges, familyOf(ip), ipToNumber(ip));
}

function overlap(ranges: PoolView['ranges'], others: RangeSet): readonly string[] {
  const both = intersect(ranges, others);
  return both.length === 0 ? [] : [few(both.map(formatRange))];
}
