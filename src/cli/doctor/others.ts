/** Other programs that give addresses to Services or announce them: how to recognize each one, and how to stop it. */
import type { OtherAllocators, Workload } from './facts.ts';

/** An installed program of this kind. */
interface Other {
  readonly name: string;
  /** Its object, such as `DaemonSet metallb-system/speaker`. */
  readonly where: string;
  /** Whether it has Pods, or settings that make it act. */
  readonly isActive: boolean;
  /** The only class of Services that it serves; undefined if it also serves Services without a class. */
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
    todo: 'take its addresses over with kubectl berth migrate metallb; or give one of the two programs its own class',
    classArg: '--lb-class',
  },
  {
    name: 'kube-vip',
    matches: (one) => image(/kube-vip/)(one) || one.name.startsWith('kube-vip'),
    todo: 'set svc_enable to false in its environment (it may still serve the address of the API server), or give it a class (lb_class_only)',
  },
  {
    name: 'PureLB',
    matches: (one) => image(/purelb/)(one) || label('app.kubernetes.io/name', 'purelb')(one),
    todo: 'uninstall it, or let its allocator serve its own class only',
  },
  {
    name: 'OpenELB',
    matches: (one) => image(/openelb|porter-manager/)(one) || one.name.startsWith('openelb'),
    todo: 'uninstall it, or give it its own class',
  },
  {
    name: 'K3s ServiceLB',
    matches: (one) => Object.hasOwn(one.labels, 'svccontroller.k3s.cattle.io/svcname') || one.name.startsWith('svclb-'),
    todo: 'start the K3s servers with --disable servicelb',
  },
  {
    name: 'a cloud provider',
    matches: image(/cloud-controller-manager|cloud-provider/),
    todo: 'turn its service controller off (--controllers=*,-service), or give Berth a class and set servicesWithoutClass: false',
  },
];

/** Finds the programs that have Deployments or DaemonSets. Those of Berth do not count. */
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

/** Finds the programs that are part of a network plugin and act because of its settings. */
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

/** Whether a workload is MetalLB's controller or speaker, installed by its manifests, its chart or its operator. */
export function isMetalLb(one: Workload): boolean {
  return (
    label('app', 'metallb')(one) ||
    label('app.kubernetes.io/name', 'metallb')(one) ||
    image(/(^|\/)metallb\/(controller|speaker)/)(one)
  );
}
