/** Checks of other programs that serve Services: other load balancers, and kube-proxy. */
import type { LinkSettings } from '../../api/node-facts.ts';
import { answeringSpeakers, type Facts, hasNftablesRules, type ReadResult } from './facts.ts';
import { type Check, type Found, few, ok, orOk, unknown } from './finding.ts';
import { othersAmong, othersBySettings } from './others.ts';

/** The checks, in the order in which their findings are printed. */
export const implementationChecks: readonly Check<Facts>[] = [
  { id: 'OtherImplementation', judge: otherImplementation },
  { id: 'SharedNames', judge: sharedNames },
  { id: 'KubeProxyMode', judge: kubeProxyMode },
  { id: 'StrictArp', judge: strictArp },
];

function otherImplementation({ workloads, staticPods, others, ownership }: Facts): readonly Found[] {
  const all = [
    ...othersAmong(readIn(workloads)),
    ...othersAmong(readIn(staticPods)),
    ...('value' in others ? othersBySettings(others.value) : []),
  ];
  const found = all.map(({ name, where, effect, onlyClass, todo }): Found => {
    if (effect === 'Idle')
      return {
        severity: 'info',
        where,
        what: `${name} runs, but gives addresses to no Service, as far as its settings show`,
      };
    if (effect === 'Stopped')
      return {
        severity: 'warn',
        where,
        what: `${name} is installed, but does not run`,
        todo: 'remove it, so that it is not started again',
      };
    if (onlyClass !== undefined) {
      const isBoth = ownership.classes.includes(onlyClass);
      return {
        severity: isBoth ? 'error' : 'info',
        where,
        what: `${name} serves the class ${onlyClass} only${isBoth ? ', and Berth serves this class too' : ''}`,
        todo: isBoth ? todo : '',
      };
    }
    if (!ownership.withoutClass)
      return {
        severity: 'info',
        where,
        what: `${name} serves Services without a class; Berth does not`,
        todo: '',
      };
    return {
      severity: 'error',
      where,
      what: `${name} runs too: both programs serve Services without a class, and announce addresses in the same network`,
      todo,
    };
  });
  for (const result of [workloads, staticPods, others]) if ('why' in result) found.push(...unknown(result.why));
  return orOk(found, 'no other known load balancer is installed');
}

function readIn<T>(result: ReadResult<readonly T[]>): readonly T[] {
  return 'value' in result ? result.value : [];
}

/** Of two groups with one name kubectl takes the first by the alphabet: ours. */
function sharedNames({ servesMetalLb }: Facts): readonly Found[] {
  if ('why' in servesMetalLb) return unknown(servesMetalLb.why);
  if (!servesMetalLb.value) return ok('no other program has kinds with the names of Berth');
  return [
    {
      severity: 'warn',
      where: 'CustomResourceDefinitions of metallb.io',
      what: 'MetalLB has kinds of the same names: "kubectl get ipaddresspools" shows those of Berth, and "kubectl delete ipaddresspools" deletes them',
      todo: 'write full names (ipaddresspools.metallb.io, ipaddresspools.berth.dev); delete the CRDs of MetalLB when it is gone',
    },
  ];
}

function kubeProxyMode({ kubeProxy }: Facts): readonly Found[] {
  if ('why' in kubeProxy) return unknown(kubeProxy.why);
  return ok(`kube-proxy uses ${kubeProxy.value.mode}`);
}

/**
 * In IPVS mode every node has every VIP as a local address. Its kernel answers ARP for the VIP unless
 * strictARP or Berth's rules prevent that.
 */
function strictArp(facts: Facts): readonly Found[] {
  const { kubeProxy } = facts;
  const asked = answeringSpeakers(facts);
  const usesIpvs = asked.filter(({ status }) => status.links.some(({ name }) => name === ipvsLink));
  if ('why' in kubeProxy && asked.length === 0) return unknown(kubeProxy.why);
  const config = 'value' in kubeProxy ? kubeProxy.value : undefined;
  if (config?.mode !== 'ipvs' && usesIpvs.length === 0) return ok('no node has VIPs as local addresses (IPVS)');
  const loose = usesIpvs.filter(({ status }) => status.facts?.allLinks && !isStrict(status.facts.allLinks));
  if (config?.strictArp ?? loose.length === 0) return ok('kube-proxy uses IPVS with strictARP');
  const where = config ? 'ConfigMap kube-system/kube-proxy' : `nodes ${few(loose.map(({ node }) => node))}`;
  const todo = 'set ipvs.strictARP: true in the configuration of kube-proxy, and restart its Pods';
  const what = 'kube-proxy uses IPVS without strictARP';
  if (hasNftablesRules(facts)) {
    return [
      {
        severity: 'info',
        where,
        what: `${what}; Berth's nftables rules prevent the kernels from answering`,
        todo: `nothing; or ${todo}`,
      },
    ];
  }
  return [
    {
      severity: 'error',
      where,
      what: `${what}, and not every node has Berth's nftables rules: nodes without them answer for every address`,
      todo,
    },
  ];
}

/** The link on which kube-proxy configures the VIPs. */
const ipvsLink = 'kube-ipvs0';

function isStrict({ arpIgnore = 0, arpAnnounce = 0 }: LinkSettings): boolean {
  return arpIgnore >= 1 && arpAnnounce >= 2;
}
