/** Other programs that give addresses to Services or announce them: how to recognize each one, and how to stop it. */
import type { OtherAllocators, Workload } from './facts.ts';

/**
 * What a program does with Services of type LoadBalancer: `Stopped`, it has no Pods; `Idle`, it runs, and its settings let it serve no
 * Services; `OneClass`, it serves those of one class; `Serving`, it also serves those without a class.
 */
type Effect = 'Stopped' | 'Idle' | 'OneClass' | 'Serving';

/** An installed program of this kind. */
interface Other {
  readonly name: string;
  /** Its object, such as `DaemonSet metallb-system/speaker`. */
  readonly where: string;
  readonly effect: Effect;
  /** The only class of Services that it serves, with the effect `OneClass`. */
  readonly onlyClass: string | undefined;
  readonly todo: string;
}

/** How to recognize a program. The remedy is something that this file sees: after it the program is no error any more. */
interface Mark {
  readonly name: string;
  readonly matches: (workload: Workload) => boolean;
  readonly todo: string;
  /** Whether its settings let it serve no Services. */
  readonly isIdle?: (workload: Workload) => boolean;
  /** The only class that it serves. */
  readonly onlyClass?: (workload: Workload) => string | undefined;
}

const image = (pattern: RegExp) => (workload: Workload) => workload.images.some((text) => pattern.test(text));
const label = (key: string, value: string) => (workload: Workload) => workload.labels[key] === value;

const kubeVipClass = 'kube-vip.io/kube-vip-class';

const marks: readonly Mark[] = [
  {
    name: 'MetalLB',
    matches: isMetalLb,
    todo: 'take its addresses over with kubectl berth migrate metallb; or give it a class (--lb-class)',
    onlyClass: ({ args }) => argumentOf(args, '--lb-class'),
  },
  {
    name: "kube-vip's cloud provider",
    matches: image(/kube-vip-cloud-provider/),
    todo: `uninstall it, or set KUBEVIP_ENABLE_LOADBALANCERCLASS to true in its environment`,
    onlyClass: ({ env = {} }) => (isTrue(env.KUBEVIP_ENABLE_LOADBALANCERCLASS) ? kubeVipClass : undefined),
  },
  {
    name: 'kube-vip',
    matches: (one) => image(/kube-vip/)(one) || one.name.startsWith('kube-vip'),
    todo: 'set svc_enable to false in its environment (it may still serve the address of the API server), or give it a class (lb_class_only)',
    // Without these settings it may be configured in a way that this file does not see.
    isIdle: ({ args, env = {} }) => {
      const servesApi = isTrue(env.cp_enable) || isTrue(switchOf(args, '--controlplane'));
      const services = switchOf(args, '--services') ?? env.svc_enable;
      return services === undefined ? servesApi : !isTrue(services);
    },
    onlyClass: ({ args, env = {} }) =>
      isTrue(env.lb_class_only) || isTrue(switchOf(args, '--lbClassOnly'))
        ? (env.lb_class_name ?? argumentOf(args, '--lbClassName') ?? kubeVipClass)
        : undefined,
  },
  {
    name: 'PureLB',
    matches: (one) => image(/purelb/)(one) || label('app.kubernetes.io/name', 'purelb')(one),
    todo: 'uninstall it, or remove DEFAULT_ANNOUNCER from the environment of its allocator: it then serves its own class only',
    // Its agents on the nodes announce what the allocator has given out.
    isIdle: ({ kind }) => kind === 'DaemonSet',
    onlyClass: ({ env }) => (env !== undefined && env.DEFAULT_ANNOUNCER === undefined ? 'purelb.io/purelb' : undefined),
  },
  {
    name: 'OpenELB',
    matches: (one) => image(/openelb|porter-manager/)(one) || one.name.startsWith('openelb'),
    todo: 'uninstall it',
  },
  {
    name: 'K3s ServiceLB',
    matches: (one) => Object.hasOwn(one.labels, 'svccontroller.k3s.cattle.io/svcname') || one.name.startsWith('svclb-'),
    todo: 'start the K3s servers with --disable servicelb',
  },
  {
    name: 'a cloud provider',
    matches: image(/cloud-controller-manager|cloud-provider|\/cpi\/release\/manager/),
    todo: 'turn its service controller off (--controllers=*,-service), or give Berth a class and set servicesWithoutClass: false',
    isIdle: (one) => image(withoutLoadBalancer)(one) || !runsServiceController(one),
  },
];

/**
 * Cloud providers without a load balancer: Talos, Proxmox and Nutanix; vSphere, which has one with NSX-T only; and the one of RKE2 and K3s,
 * whose ServiceLB has a mark of its own.
 */
const withoutLoadBalancer =
  /talos-cloud-controller|proxmox-cloud-controller|nutanix.*cloud|vsphere|\/cpi\/release\/manager|rke2-cloud-provider|k3s-cloud/;

/** The names of the service controller in `--controllers`, old and new. */
const serviceController = ['service', 'service-lb-controller'];

/** Does a cloud controller manager run its service controller? The flag is a list of names; `*` means all, and `-NAME` all but this one. */
function runsServiceController({ args }: Workload): boolean {
  const list = (argumentOf(args, '--controllers') ?? '*').split(',').map((name) => name.trim());
  if (serviceController.some((name) => list.includes(`-${name}`))) return false;
  return list.includes('*') || serviceController.some((name) => list.includes(name));
}

/** Finds the programs that have Deployments, DaemonSets or static Pods. Those of Berth do not count. */
export function othersAmong(workloads: readonly Workload[]): readonly Other[] {
  return workloads
    .filter((one) => one.labels['app.kubernetes.io/name'] !== 'berth')
    .flatMap((one) => {
      const mark = marks.find(({ matches }) => matches(one));
      if (mark === undefined) return [];
      const onlyClass = mark.onlyClass?.(one);
      const where = `${one.kind} ${one.namespace}/${one.name}`;
      const serves = onlyClass === undefined ? 'Serving' : 'OneClass';
      const effect = one.wanted === 0 ? 'Stopped' : mark.isIdle?.(one) ? 'Idle' : serves;
      return [{ name: mark.name, where, effect, onlyClass, todo: mark.todo }];
    });
}

/** Finds the programs that are part of a network plugin and act because of its settings. */
export function othersBySettings({
  ciliumPools,
  ciliumDefault,
  calico,
  calicoPools,
}: OtherAllocators): readonly Other[] {
  const found: Other[] = [];
  const ofCilium = { name: 'Cilium LB-IPAM', onlyClass: undefined };
  if (ciliumPools.length > 0) {
    const where = `CiliumLoadBalancerIPPool ${ciliumPools.join(', ')}`;
    const todo = 'delete the pools, or set default-lb-service-ipam to none in the ConfigMap cilium-config';
    found.push({ ...ofCilium, where, effect: ciliumDefault === 'none' ? 'Idle' : 'Serving', todo });
  }
  if (ciliumDefault === 'nodeipam') {
    const where = 'ConfigMap kube-system/cilium-config';
    const todo = 'set default-lb-service-ipam to none there';
    found.push({ ...ofCilium, name: 'Cilium Node IPAM', where, effect: 'Serving', todo });
  }
  if (calico !== undefined) {
    const where = calicoPools.length > 0 ? `IPPool ${calicoPools.join(', ')}` : 'KubeControllersConfiguration default';
    const todo = 'remove the IPPools with allowedUses LoadBalancer, or set assignIPs to RequestedServicesOnly';
    const effect = calicoPools.length > 0 && calico !== 'RequestedServicesOnly' ? 'Serving' : 'Idle';
    found.push({ name: "Calico's LoadBalancer IPAM", where, effect, onlyClass: undefined, todo });
  }
  return found;
}

function argumentOf(args: readonly string[], flag: string): string | undefined {
  const at = args.findIndex((arg) => arg === flag || arg.startsWith(`${flag}=`));
  const arg = args[at];
  return arg === undefined ? undefined : arg === flag ? args[at + 1] : arg.slice(flag.length + 1);
}

/** The value of a flag that needs none: alone it means true. */
function switchOf(args: readonly string[], flag: string): string | undefined {
  return args.includes(flag) ? 'true' : argumentOf(args, flag);
}

/** The spellings of true in Go. */
function isTrue(text = ''): boolean {
  return ['1', 't', 'T', 'true', 'TRUE', 'True'].includes(text);
}

/** Whether a workload is MetalLB's controller or speaker, installed by its manifests, its chart or its operator. */
export function isMetalLb(one: Workload): boolean {
  return (
    label('app', 'metallb')(one) ||
    label('app.kubernetes.io/name', 'metallb')(one) ||
    image(/(^|\/)metallb\/(controller|speaker)/)(one)
  );
}
