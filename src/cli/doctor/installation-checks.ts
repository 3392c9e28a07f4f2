/** Checks of Berth's own Pods and objects. */
import { isNamedBy } from '../../announce/links.ts';
import { type AdvertisementView, coversPool } from '../../api/advertisement.ts';
import { selects } from '../../api/meta.ts';
import type { NodeView } from '../../api/node.ts';
import { hasOurClass, isForeign, writersOf } from '../../ipam/ownership.ts';
import { type Facts, told } from './facts.ts';
import { type Check, type Found, few, ok, orOk, unknown } from './finding.ts';

/** In the order in which they are told. */
export const installationChecks: readonly Check<Facts>[] = [
  { id: 'ControllerNotReady', judge: (facts) => notReady(facts, 'controller') },
  { id: 'SpeakerNotReady', judge: (facts) => notReady(facts, 'speaker') },
  { id: 'SpeakerMissing', judge: speakerMissing },
  { id: 'SpeakerNotAsked', judge: speakerNotAsked },
  { id: 'VersionsMixed', judge: versionsMixed },
  { id: 'PodSecurity', judge: podSecurity },
  { id: 'NodesExcluded', judge: nodesExcluded },
  { id: 'PoolNotAdvertised', judge: poolNotAdvertised },
  { id: 'AdvertisementSelectsNothing', judge: advertisementSelectsNothing },
  { id: 'ClassNotServed', judge: classNotServed },
  { id: 'StatusOfOthers', judge: statusOfOthers },
  { id: 'Warnings', judge: warnings },
];

function notReady({ pods, namespace }: Facts, role: string): readonly Found[] {
  const own = pods.filter((pod) => pod.role === role);
  if (own.length === 0) {
    const what = `there is no Pod of the ${role} in namespace ${namespace}`;
    const kind = role === 'controller' ? 'deployment' : 'daemonset';
    return [
      {
        severity: 'error',
        what,
        todo: `kubectl -n ${namespace} describe ${kind} tells why; helm list -A tells where Berth is`,
      },
    ];
  }
  const troubled = own.filter(({ ready }) => !ready);
  const found = troubled.map(
    ({ name, node, trouble }): Found => ({
      severity: role === 'controller' && troubled.length < own.length ? 'warn' : 'error',
      where: `pod ${namespace}/${name}${node === '' ? '' : ` on ${node}`}`,
      what: `is not ready${trouble === '' ? '' : `: ${trouble}`}`,
      todo: `kubectl -n ${namespace} describe pod ${name}; kubectl -n ${namespace} logs ${name}`,
    }),
  );
  return orOk(found, `all ${own.length} Pods of the ${role} are ready`);
}

function speakerMissing({ pods, nodes }: Facts): readonly Found[] {
  const having = new Set(pods.filter(({ role }) => role === 'speaker').map(({ node }) => node));
  const missing = nodes.map(({ name }) => name).filter((name) => !having.has(name));
  if (missing.length === 0) return ok('every node runs a speaker');
  const what = 'no speaker runs there: the node can hold no address';
  const todo = 'chart values speaker.nodeSelector and speaker.tolerations; nodes that are not Linux cannot have one';
  return missing.map((node) => ({ severity: 'warn', where: `node ${node}`, what, todo }));
}

function speakerNotAsked({ speakers }: Facts): readonly Found[] {
  const silent = speakers.filter(({ fault }) => fault !== undefined);
  const found = silent.flatMap(({ node, fault }) =>
    unknown(`what the speaker knows of its node: ${fault}`, `node ${node}`),
  );
  return orOk(found, `all ${speakers.length} speakers told what they know`);
}

function versionsMixed(facts: Facts): readonly Found[] {
  const images = [...new Set(facts.pods.map(({ image }) => image))].sort();
  const versions = [...new Set(told(facts).map(({ status }) => status.version))].sort();
  if (images.length <= 1 && versions.length <= 1)
    return ok(`one version everywhere${versions[0] ? `: ${versions[0]}` : ''}`);
  const what =
    images.length > 1 ? `several images run: ${few(images)}` : `the speakers are of versions ${few(versions)}`;
  return [
    { severity: 'warn', what, todo: 'an upgrade goes on, or has stopped half-way: kubectl rollout status tells' },
  ];
}

const security = 'pod-security.kubernetes.io/';

/** The speaker shares the node's network and has NET_RAW: only `privileged` lets it run. */
function podSecurity({ namespace, namespaceLabels, pods }: Facts): readonly Found[] {
  if ('why' in namespaceLabels) return unknown(namespaceLabels.why);
  const where = `namespace ${namespace}`;
  const todo = `kubectl label namespace ${namespace} --overwrite ${security}enforce=privileged`;
  const level = namespaceLabels.value[`${security}enforce`];
  if (level !== undefined && level !== 'privileged') {
    return [
      {
        severity: 'error',
        where,
        what: `Pod Security enforces ${level}: no speaker can start here, and those that run do not come back`,
        todo,
      },
    ];
  }
  const soft = ['warn', 'audit'].filter(
    (mode) => (namespaceLabels.value[security + mode] ?? 'privileged') !== 'privileged',
  );
  if (soft.length > 0) {
    const levels = soft.map((mode) => `${mode}=${namespaceLabels.value[security + mode]}`).join(', ');
    return [
      {
        severity: 'warn',
        where,
        what: `Pod Security is set to ${levels}: every start of a speaker is complained about`,
        todo: todo.replace('enforce', soft[0] ?? ''),
      },
    ];
  }
  if (level === 'privileged' || pods.some(({ role, ready }) => role === 'speaker' && ready))
    return ok('Pod Security lets speakers run');
  return unknown('the namespace has no label: what the cluster enforces by default cannot be seen', where);
}

function nodesExcluded({ nodes }: Facts): readonly Found[] {
  const excluded = nodes.filter((node) => node.excluded).map(({ name }) => name);
  const label = 'node.kubernetes.io/exclude-from-external-load-balancers';
  if (excluded.length === 0) return ok('no node is kept out of load balancing');
  if (excluded.length === nodes.length) {
    return [
      {
        severity: 'info',
        what: `every node carries the label ${label}, so it is not heeded`,
        todo: `kubectl label nodes --all ${label}-`,
      },
    ];
  }
  return [
    {
      severity: 'info',
      where: `nodes ${few(excluded)}`,
      what: `kept out of load balancing by the label ${label}`,
      todo: 'nothing, if that is as you want it',
    },
  ];
}

function poolNotAdvertised({ pools, advertisements, ledger }: Facts): readonly Found[] {
  if (pools.length === 0)
    return [{ severity: 'warn', what: 'there is no IPAddressPool: no Service gets an address', todo: 'create one' }];
  const bare = pools.filter(({ name }) => !advertisements.some((one) => coversPool(one, name)));
  const found = bare.map(({ name }): Found => {
    const isUsed = ledger.some(({ pool }) => pool === name);
    const what = `no L2Advertisement covers it: nobody answers for its addresses${isUsed ? ', and Services have some' : ''}`;
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
        todo: 'create one; an empty spec covers all',
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
        what: 'its nodeSelectors choose no node',
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

/** The selected nodes that have none of the links, and what they have. Of nodes whose speaker did not tell, nothing is known. */
function linkless(
  advertisement: AdvertisementView,
  selected: readonly NodeView[],
  facts: Facts,
): readonly { readonly node: string; readonly links: readonly string[] }[] {
  const names = new Set(selected.map(({ name }) => name));
  const asked = told(facts).filter(({ node }) => names.has(node));
  const usable = asked.map(({ node, status }) => {
    const links = status.links.filter(({ unusable }) => unusable === undefined).map(({ name }) => name);
    return { node, links };
  });
  return usable.filter(({ links }) => !links.some((name) => isNamedBy(name, [advertisement])));
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
          what: 'wait for an address, name no class, and Berth is told to leave such Services alone',
          todo: 'chart value servicesWithoutClass: true, or give the Service the class berth.dev/berth',
        }
      : {
          severity: 'warn',
          where,
          what: `wait for an address, and their class ${name} is not one that Berth serves`,
          todo: `if nobody else serves it, add it to the chart's value loadBalancerClasses`,
        };
  });
  return orOk(found, 'no Service waits that is not for Berth');
}

function statusOfOthers({ services, ownership, ledger }: Facts): readonly Found[] {
  const bound = new Set(ledger.flatMap((entry) => entry.services.map(({ uid }) => uid)));
  const foreign = services.filter(
    (one) => hasOurClass(one, ownership) && isForeign(one, ownership) && !bound.has(one.uid),
  );
  const byWriter = grouped(foreign, (one) => writersOf(one, ownership));
  const found = [...byWriter].map(
    ([writer, some]): Found => ({
      severity: 'warn',
      where: `services ${few(some.map(({ key }) => key))}`,
      what: `have addresses that ${writer} wrote: Berth leaves them alone`,
      todo: 'to take them over with these addresses: kubectl berth migrate metallb, or the annotation berth.dev/take-over: "true"',
    }),
  );
  return orOk(found, 'no other program has written addresses to Services of ours');
}

/** What was said of Pods that are ready now, or gone, is over. */
function warnings({ warnings: looked, namespace, pods }: Facts): readonly Found[] {
  if ('why' in looked) return unknown(looked.why);
  const troubled = pods.filter(({ ready }) => !ready).map(({ name }) => `Pod ${name}`);
  const open = looked.value.filter(({ object }) => !object.startsWith('Pod ') || troubled.includes(object));
  const found = open.slice(0, 5).map(
    ({ object, reason, message }): Found => ({
      severity: 'warn',
      where: object,
      what: `${reason}: ${message}`,
      todo: `kubectl -n ${namespace} get events`,
    }),
  );
  return orOk(found, `no Warning of the last hour in namespace ${namespace} that still matters`);
}

function grouped<T, K>(all: readonly T[], keyOf: (one: T) => K): ReadonlyMap<K, readonly T[]> {
  const groups = new Map<K, T[]>();
  for (const one of all) groups.set(keyOf(one), [...(groups.get(keyOf(one)) ?? []), one]);
  return groups;
}
