/** Checks of pools against the addresses that others use. */
import { familyOf, type Ip, ipToNumber } from '../../addr/ip.ts';
import { formatRange, isRange, parseRange } from '../../addr/range.ts';
import { holds, intersect, type RangeSet, rangeSet, subtract } from '../../addr/range-set.ts';
import { allocationCondition, allocationConditions } from '../../api/allocation.ts';
import type { PoolView } from '../../api/pool.ts';
import { remedyOf } from '../output/reason-text.ts';
import { answeringSpeakers, type Facts } from './facts.ts';
import { type Check, type Found, few, orOk, unknown } from './finding.ts';

/** In the order in which they are told. */
export const poolChecks: readonly Check<Facts>[] = [
  { id: 'PoolNotReady', judge: poolNotReady },
  { id: 'PoolOverlapsNodes', judge: poolOverlapsNodes },
  { id: 'PoolOverlapsPods', judge: poolOverlapsPods },
  { id: 'PoolOverlapsServices', judge: poolOverlapsServices },
  { id: 'PoolOverlapsExternalIPs', judge: poolOverlapsExternalIps },
  { id: 'PoolOffLink', judge: poolOffLink },
  { id: 'DuplicateAddress', judge: duplicateAddress },
  { id: 'NotAnnounced', judge: notAnnounced },
  { id: 'NotVerified', judge: notVerified },
];

function poolNotReady({ pools }: Facts): readonly Found[] {
  const found = pools.flatMap(({ name, faults }) =>
    faults.map(
      ({ reason, message }): Found => ({
        severity: 'error',
        where: `pool ${name}`,
        what: `${reason}: ${message}`,
        todo: 'correct the entry; the others of the pool are used',
      }),
    ),
  );
  return orOk(found, 'every entry of every pool can be used');
}

function poolOverlapsNodes({ pools, nodes }: Facts): readonly Found[] {
  const found = pools.flatMap(({ name, ranges }) => {
    const inside = nodes.flatMap((node) =>
      node.addresses.filter((ip) => has(ranges, ip)).map((ip) => `${ip} (${node.name})`),
    );
    const what = `holds addresses of nodes: ${few(inside)}; Berth does not give those, but the pool reaches into what hosts use`;
    const todo =
      'name them in spec.exclude, with whatever else has an address there, or choose a range that nothing else uses';
    return inside.length === 0 ? [] : [{ severity: 'warn', where: `pool ${name}`, what, todo } as const];
  });
  return orOk(found, 'no pool holds an address of a node');
}

function poolOverlapsPods({ pools, podRanges, arePodsSampled }: Facts): readonly Found[] {
  const found = pools.flatMap(({ name, ranges }) =>
    [...podRanges].flatMap(([node, pods]) =>
      overlap(ranges, pods).map((text): Found => {
        const what = `${text} is ${arePodsSampled ? 'the address of Pods' : 'a range of Pods'} (node ${node})`;
        return { severity: 'error', where: `pool ${name}`, what, todo: 'choose a range of the network of the nodes' };
      }),
    ),
  );
  if (found.length === 0 && arePodsSampled) {
    const rest =
      podRanges.size === 0
        ? 'no Pod could be looked at'
        : 'of the Pods that were looked at none has an address of a pool';
    return unknown(`no Node names the range of its Pods (spec.podCIDRs); ${rest}`);
  }
  return orOk(found.slice(0, 10), 'no pool holds an address of Pods');
}

function poolOverlapsServices({ pools, serviceRanges }: Facts): readonly Found[] {
  if ('why' in serviceRanges) return unknown(serviceRanges.why);
  const found = pools.flatMap(({ name, ranges }) =>
    overlap(ranges, serviceRanges.value).map(
      (text): Found => ({
        severity: 'error',
        where: `pool ${name}`,
        what: `${text} is a range of cluster IPs of Services`,
        todo: 'choose a range of the network of the nodes',
      }),
    ),
  );
  return orOk(found, 'no pool holds a cluster IP');
}

function poolOverlapsExternalIps({ pools, externalIps }: Facts): readonly Found[] {
  const found = pools.flatMap(({ name, ranges }) =>
    [...externalIps].flatMap(([key, ips]) =>
      overlap(ranges, ips).map(
        (text): Found => ({
          severity: 'warn',
          where: `pool ${name}`,
          what: `${text} is one of spec.externalIPs of Service ${key}: kube-proxy catches its packets on every node`,
          todo: 'name it in spec.exclude, or remove it from the Service',
        }),
      ),
    ),
  );
  return orOk(found, 'no pool holds an externalIP of a Service');
}

/** A link answers for addresses of its own subnets, unless an advertisement names it exactly. */
function poolOffLink(facts: Facts): readonly Found[] {
  const speakers = answeringSpeakers(facts);
  if (speakers.length === 0) return unknown('no speaker told the links of its node');
  const subnets = rangeSet(
    speakers.flatMap(({ status }) =>
      status.links.flatMap(({ addresses }) => addresses.map(parseRange).filter(isRange)),
    ),
  );
  const found = facts.pools.flatMap(({ name, ranges }): readonly Found[] => {
    const covering = facts.advertisements.filter(({ pools }) => pools.length === 0 || pools.includes(name));
    if (covering.some(({ interfaces }) => interfaces.some((one) => !/[*?]/.test(one)))) return [];
    const outside = subtract(ranges, subnets);
    if (outside.length === 0) return [];
    const isWhole = intersect(ranges, subnets).length === 0;
    const what = `${few(outside.map(formatRange))}: no node has a link in this network, so no node can answer`;
    const todo =
      'choose addresses of that network; or, if a router sends them there, name the link in the interfaces of the L2Advertisement';
    return [{ severity: isWhole ? 'error' : 'warn', where: `pool ${name}`, what, todo }];
  });
  return orOk(found, 'every pool lies in a network of the nodes');
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
          todo: 'nothing, or turn proxy ARP off for this range at the router',
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
          what: `kept back, ${quarantine.reason}: ${quarantine.message}`,
          todo: 'find that host, or name the address in the exclude of its pool',
        },
      ];
    return [];
  });
  return orOk(found, 'no other host is known to use an address of ours');
}

/** Reasons that pass by themselves, or are as a person wants them. */
const calm = new Set([
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
    const severity = calm.has(condition.reason) ? 'info' : 'error';
    return [
      {
        severity,
        where: `address ${entry.address}`,
        what: `${condition.reason}: ${condition.message}`,
        todo: `${remedyOf(condition.reason)}; kubectl berth who-has ${entry.address} tells of each node`,
      },
    ];
  });
  return orOk(found, 'every address in use is announced');
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
  return orOk(found, 'no second node misses an address');
}

function has(ranges: RangeSet, ip: Ip): boolean {
  return holds(ranges, familyOf(ip), ipToNumber(ip));
}

function overlap(ranges: PoolView['ranges'], others: RangeSet): readonly string[] {
  const both = intersect(ranges, others);
  return both.length === 0 ? [] : [few(both.map(formatRange))];
}
