/** Checks of pools, advertisements and Services against each other. */
import { isNamedBy } from '../../announce/links.ts';
import { type AdvertisementView, coversPool } from '../../api/advertisement.ts';
import { selects } from '../../api/meta.ts';
import type { NodeView } from '../../api/node.ts';
import type { ServiceView } from '../../api/service.ts';
import { hasOurClass, isForeign, type Ownership, shownBy, writersOf } from '../../ipam/ownership.ts';
import { answeringSpeakers, type Facts } from './facts.ts';
import { type Check, type Found, few, orOk } from './finding.ts';

/** The checks, in the order in which their findings are printed. */
export const objectChecks: readonly Check<Facts>[] = [
  { id: 'PoolNotAdvertised', judge: poolNotAdvertised },
  { id: 'AdvertisementSelectsNothing', judge: advertisementSelectsNothing },
  { id: 'ClassNotServed', judge: classNotServed },
  { id: 'StatusOfOthers', judge: statusOfOthers },
  { id: 'EntryNotReadable', judge: entryNotReadable },
];

function poolNotAdvertised({ pools, advertisements, ledger }: Facts): readonly Found[] {
  if (pools.length === 0)
    return [{ severity: 'warn', what: 'there is no IPAddressPool: no Service gets an address', todo: 'create one' }];
  const bare = pools.filter(({ name }) => !advertisements.some((one) => coversPool(one, name)));
  const found = bare.map(({ name }): Found => {
    const isUsed = ledger.some(({ pool }) => pool === name);
    const what = `no L2Advertisement covers it: no node answers for its addresses${isUsed ? ', and Services use some of them' : ''}`;
    return {
      severity: isUsed ? 'error' : 'warn',
      where: `pool ${name}`,
      what,
      todo: `create an L2Advertisement with ipAddressPools: [${name}]`,
    };
  });
  return orOk(found, 'every pool is advertised');
}

function advertisementSelectsNothing(facts: Facts): readonly Found[] {
  const { advertisements, pools, nodes } = facts;
  if (advertisements.length === 0)
    return [
      {
        severity: pools.length === 0 ? 'info' : 'error',
        what: 'there is no L2Advertisement: nothing is announced',
        todo: 'create one; an empty spec covers all pools',
      },
    ];
  const found = advertisements.flatMap((one): readonly Found[] => {
    const where = `L2Advertisement ${one.name}`;
    const missing = one.pools.filter((name) => !pools.some((pool) => pool.name === name));
    const selected = nodes.filter((node) => isSelected(one.nodeSelectors, node));
    const lost: Found[] = [];
    if (missing.length > 0) {
      const isAll = missing.length === one.pools.length;
      lost.push({
        severity: isAll ? 'error' : 'warn',
        where,
        what: `names pools that do not exist: ${few(missing)}`,
        todo: 'correct spec.ipAddressPools',
      });
    }
    if (selected.length === 0)
      lost.push({
        severity: 'error',
        where,
        what: 'its nodeSelectors match no node',
        todo: 'correct spec.nodeSelectors: kubectl get nodes --show-labels',
      });
    const without = linkless(one, selected, facts);
    if (without.length > 0) {
      const isAll = without.length === selected.length;
      lost.push({
        severity: isAll ? 'error' : 'warn',
        where,
        what: `its interfaces ${one.interfaces.join(', ')} match no link of ${few(without.map(({ node, links }) => `${node} (${few(links, 8)})`))}`,
        todo: 'correct spec.interfaces',
      });
    }
    return lost;
  });
  return orOk(found, 'every L2Advertisement selects pools, nodes and links');
}

function isSelected(selectors: Facts['advertisements'][number]['nodeSelectors'], { labels }: NodeView): boolean {
  return selectors.length === 0 || selectors.some((selector) => selects(selector, labels));
}

/**
 * The selected nodes that have none of the named links, with the links that they have. Nodes whose speaker did
 * not answer are left out.
 */
function linkless(
  advertisement: AdvertisementView,
  selected: readonly NodeView[],
  facts: Facts,
): readonly { readonly node: string; readonly links: readonly string[] }[] {
  const names = new Set(selected.map(({ name }) => name));
  const asked = answeringSpeakers(facts).filter(({ node }) => names.has(node));
  const usable = asked.map(({ node, status }) => {
    const links = status.links.filter(({ unusable }) => unusable === undefined).map(({ name }) => name);
    return { node, links };
  });
  return usable.filter(({ links }) => !links.some((name) => isNamedBy(name, [advertisement])));
}

function entryNotReadable({ ledger }: Facts): readonly Found[] {
  const found = ledger.flatMap(({ name, address, fault }): readonly Found[] => {
    if (fault === undefined) return [];
    const what = `cannot be read, so no Service gets ${address}: ${fault}`;
    return [{ severity: 'error', where: `IPAllocation ${name}`, what, todo: `kubectl delete ipallocation ${name}` }];
  });
  return orOk(found, 'every IPAllocation can be read');
}

function classNotServed({ services, ownership }: Facts): readonly Found[] {
  const pending = services.filter(
    (one) => one.isLoadBalancer && one.ingress.length === 0 && !hasOurClass(one, ownership),
  );
  const byClass = grouped(pending, (one) => one.class);
  const found = [...byClass].map(([name, some]): Found => {
    const where = `services ${few(some.map(({ key }) => key))}`;
    return name === undefined
      ? {
          severity: 'warn',
          where,
          what: 'wait for an address and have no class, and Berth is configured to ignore such Services',
          todo: 'set the chart value servicesWithoutClass: true, or give the Service the class berth.dev/berth',
        }
      : {
          severity: 'warn',
          where,
          what: `wait for an address and have the class ${name}, which Berth does not serve`,
          todo: `if no other program serves it, add it to the chart's value loadBalancerClasses`,
        };
  });
  return orOk(found, 'no Service of a class that Berth does not serve waits for an address');
}

/** Clears the addresses of a Service, so that Berth gives it others. */
const clearStatus = `kubectl -n NAMESPACE patch service NAME --subresource status --type merge --patch '{"status":{"loadBalancer":null}}'`;

function statusOfOthers({ services, ownership, ledger, nodes }: Facts): readonly Found[] {
  const bound = new Set(ledger.flatMap((entry) => entry.services.map(({ uid }) => uid)));
  const foreign = services.filter(
    (one) => hasOurClass(one, ownership) && isForeign(one, ownership) && !bound.has(one.uid),
  );
  const ofNodes = new Set(nodes.flatMap(({ addresses }) => addresses));
  const showsNodes = (one: ServiceView) => shownBy(one).some((ip) => ofNodes.has(ip));
  const found = [
    ...leftBy(
      foreign.filter((one) => !showsNodes(one)),
      ownership,
    ).map(
      ([writer, where]): Found => ({
        severity: 'warn',
        where,
        what: `have addresses that ${writer} wrote: Berth does not change them`,
        todo: `to keep these addresses, which must be in a pool: kubectl berth migrate metallb, or the annotation berth.dev/take-over: "true"; to give them others, when ${writer} runs no more: ${clearStatus}`,
      }),
    ),
    // The servicelb of K3s writes addresses of nodes.
    ...leftBy(foreign.filter(showsNodes), ownership).map(
      ([writer, where]): Found => ({
        severity: 'warn',
        where,
        what: `have addresses of nodes that ${writer} wrote: Berth does not change them, and never gives out addresses of nodes`,
        todo: `when ${writer} runs no more, clear the status: ${clearStatus}`,
      }),
    ),
  ];
  return orOk(found, "no other program has written addresses to Berth's Services");
}

/** The writers of foreign addresses, and the Services of each one. */
function leftBy(foreign: readonly ServiceView[], ownership: Ownership): readonly (readonly [string, string])[] {
  const byWriter = grouped(foreign, (one) => writersOf(one, ownership));
  return [...byWriter].map(([writer, some]) => [writer, `services ${few(some.map(({ key }) => key))}`]);
}

function grouped<T, K>(all: readonly T[], keyOf: (one: T) => K): ReadonlyMap<K, readonly T[]> {
  const groups = new Map<K, T[]>();
  for (const one of all) groups.set(keyOf(one), [...(groups.get(keyOf(one)) ?? []), one]);
  return groups;
}
