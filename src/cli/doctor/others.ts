/** Other programs that give addresses to Services or announce them: how each is known, and how it is silenced. */
import type { OtherAllocators, Workload } from './facts.ts';

/** One that is there. */
export interface Other {
  readonly name: string;
  /** `DaemonSet metallb-system/speaker`. */
  readonly where: string;
  /** Has it Pods, or whatever else makes it act? */
  readonly isActive: boolean;
  /** The only class of Services that it serves; undefined: those without a class too. */
  readonly onlyClass: string | undefined;
  readonly todo: string;
}

interface Mark {
  readonly name: string;
  readonly matches: (workload: Workload) => boolean;
  readonly todo: string;
  /** An argument that names the only class that it serves. */
  readonly classArg?: string;
}

const image = (pattern: RegExp) => (workload: Workload) => workload.images.some((text) => pattern.test(text));
const label = (key: string, value: string) => (workload: Workload) => workload.labels[key] === value;

const marks: readonly Mark[] = [
  {
    name: 'MetalLB',
    matches: isMetalLb,
    todo: 'kubectl berth migrate metallb takes its addresses over; or give one of the two a class of its own',
    classArg: '--lb-class',
  },
  {
    name: 'kube-vip',
    matches: (one) => image(/kube-vip/)(one) || one.name.startsWith('kube-vip'),
    todo: 'set svc_enable to false in its environment (it may go on serving the address of the API server), or give it a class (lb_class_only)',
  },
  {
    name: 'PureLB',
    matches: (one) => image(/purelb/)(one) || label('app.kubernetes.io/name', 'purelb')(one),
    todo: 'uninstall it, or start its allocator with its own class alone',
  },
  {
    name: 'OpenELB',
    matches: (one) => image(/openelb|porter-manager/)(one) || one.name.startsWith('openelb'),
    todo: 'uninstall it, or give it a class of its own',
  },
  {
    name: 'K3s ServiceLB',
    matches: (one) => Object.hasOwn(one.labels, 'svccontroller.k3s.cattle.io/svcname') || one.name.startsWith('svclb-'),
    todo: 'start the K3s servers with --disable servicelb',
  },
  {
    name: 'a cloud provider',
    matches: image(/cloud-controller-manager|cloud-provider/),
    todo: 'turn its service controller off (--controllers=*,-service), or give Berth a class and servicesWithoutClass: false',
  },
];

/** Those that can be told by their Deployments and DaemonSets. Berth's own are none. */
export function othersAmong(workloads: readonly Workload[]): readonly Other[] {
  return workloads
    .filter((one) => one.labels['app.kubernetes.io/name'] !== 'berth')
    .flatMap((one) => {
      const mark = marks.find(({ matches }) => matches(one));
      if (mark === undefined) return [];
      const { kind, namespace, name, wanted } = one;
      const onlyClass = mark.classArg === undefined ? undefined : argumentOf(one.args, mark.classArg);
      const where = `${kind} ${namespace}/${name}`;
      return [{ name: mark.name, where, isActive: wanted > 0, onlyClass, todo: mark.todo }];
    });
}

/** Those that are part of a network plugin, and act by their settings. */
export function othersBySettings({ ciliumPools, calico, calicoPools }: OtherAllocators): readonly Other[] {
  const found: Other[] = [];
  if (ciliumPools.length > 0) {
    const where = `CiliumLoadBalancerIPPool ${ciliumPools.join(', ')}`;
    const todo = 'delete the pools, or set default-lb-service-ipam to none in the ConfigMap cilium-config';
    found.push({ name: 'Cilium LB-IPAM', where, isActive: true, onlyClass: undefined, todo });
  }
  if (calico !== undefined) {
    const where = calicoPools.length > 0 ? `IPPool ${calicoPools.join(', ')}` : 'KubeControllersConfiguration default';
    const todo = 'remove the IPPools with allowedUses LoadBalancer, or set assignIPs to RequestedServicesOnly';
    const isActive = calicoPools.length > 0 && calico !== 'RequestedServicesOnly';
    found.push({ name: "Calico's LoadBalancer IPAM", where, isActive, onlyClass: undefined, todo });
  }
  return found;
}

function argumentOf(args: readonly string[], flag: string): string | undefined {
  const at = args.findIndex((arg) => arg === flag || arg.startsWith(`${flag}=`));
  const arg = args[at];
  return arg === undefined ? undefined : arg === flag ? args[at + 1] : arg.slice(flag.length + 1);
}

/** MetalLB's controller or speaker, of its manifests, its chart or its operator. */
export function isMetalLb(one: Workload): boolean {
  return (
    label('app', 'metallb')(one) ||
    label('app.kubernetes.io/name', 'metallb')(one) ||
    image(/(^|\/)metallb\/(controller|speaker)/)(one)
  );
}
