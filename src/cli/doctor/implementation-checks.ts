/** Checks of other programs that serve Services: load balancers, and kube-proxy. */
import type { LinkSettings } from '../../api/node-facts.ts';
import { type Facts, hasNodeLayer, told } from './facts.ts';
import { type Check, type Found, few, ok, orOk, unknown } from './finding.ts';
import { othersAmong, othersBySettings } from './others.ts';

/** In the order in which they are told. */
export const implementationChecks: readonly Check<Facts>[] = [
  { id: 'OtherImplementation', judge: otherImplementation },
  { id: 'KubeProxyMode', judge: kubeProxyMode },
  { id: 'StrictArp', judge: strictArp },
];

function otherImplementation({ workloads, others, ownership }: Facts): readonly Found[] {
  const all = [
    ...('value' in workloads ? othersAmong(workloads.value) : []),
    ...('value' in others ? othersBySettings(others.value) : []),
  ];
  const found = all.map(({ name, where, isActive, onlyClass, todo }): Found => {
    if (!isActive)
      return {
        severity: 'warn',
        where,
        what: `${name} is there, and does not run`,
        todo: 'remove it, so that nothing starts it again',
      };
    if (onlyClass !== undefined) {
      const isBoth = ownership.classes.includes(onlyClass);
      return {
        severity: isBoth ? 'error' : 'info',
        where,
        what: `${name} serves the class ${onlyClass} alone${isBoth ? ', and so does Berth' : ''}`,
        todo: isBoth ? todo : '',
      };
    }
    if (!ownership.withoutClass)
      return {
        severity: 'info',
        where,
        what: `${name} serves Services without a class; Berth leaves them alone`,
        todo: '',
      };
    return {
      severity: 'error',
      where,
      what: `${name} runs too: both serve Services without a class, and announce addresses on the same network`,
      todo,
    };
  });
  for (const looked of [workloads, others]) if ('why' in looked) found.push(...unknown(looked.why));
  return orOk(found, 'no other load balancer is known to be there');
}

function kubeProxyMode({ kubeProxy }: Facts): readonly Found[] {
  if ('why' in kubeProxy) return unknown(kubeProxy.why);
  return ok(`kube-proxy uses ${kubeProxy.value.mode}`);
}

/** In IPVS mode every node has every VIP as an address of its own, and its kernel answers for it unless it is kept from that. */
function strictArp(facts: Facts): readonly Found[] {
  const { kubeProxy } = facts;
  if ('why' in kubeProxy) return unknown(kubeProxy.why);
  if (kubeProxy.value.mode !== 'ipvs') return ok('kube-proxy does not use IPVS: no kernel answers for VIPs');
  if (kubeProxy.value.strictArp) return ok('kube-proxy uses IPVS with strictARP');
  const loose = told(facts).filter(({ status }) => status.facts?.allLinks && !isStrict(status.facts.allLinks));
  const where = 'ConfigMap kube-system/kube-proxy';
  const todo = "set ipvs.strictARP: true there, and restart kube-proxy's Pods";
  if (hasNodeLayer(facts)) {
    return [
      {
        severity: 'info',
        where,
        what: "kube-proxy uses IPVS without strictARP; Berth's rules keep the kernels from answering",
        todo: `nothing; or ${todo}`,
      },
    ];
  }
  const nodes = loose.length > 0 ? `: ${few(loose.map(({ node }) => node))}` : '';
  return [
    {
      severity: 'error',
      where,
      what: `kube-proxy uses IPVS without strictARP, and not every node has Berth's rules: every node answers for every address${nodes}`,
      todo,
    },
  ];
}

function isStrict({ arpIgnore = 0, arpAnnounce = 0 }: LinkSettings): boolean {
  return arpIgnore >= 1 && arpAnnounce >= 2;
}
