/** The hosts of a lab, with their names and addresses. All of it follows from the lab's id, slot and number of nodes. */

/** The modes of kube-proxy that the lab supports. `ipvs-strict` is IPVS with `strictARP`. IPVS needs a kernel that has it. */
export const proxyModes = ['iptables', 'nftables', 'ipvs', 'ipvs-strict'] as const;

/** One of {@link proxyModes}. */
export type ProxyMode = (typeof proxyModes)[number];

/** The values that a lab's plan follows from. */
export interface LabShape {
  readonly id: string;
  /** A number that no other lab of this machine has. The lab's subnets follow from it. */
  readonly slot: number;
  readonly nodes: number;
  readonly proxyMode: ProxyMode;
  /** Whether nodes also report their IPv6 address to Kubernetes. */
  readonly dualStackNodes: boolean;
}

/** A host on the lab's bridge. */
export interface HostPlan {
  readonly name: string;
  /** The name of its network namespace. */
  readonly namespace: string;
  readonly ip: string;
  readonly ipv6: string;
  readonly mac: string;
  /** The name of its port on the bridge, in the bridge's namespace. */
  readonly port: string;
}

/** A host that runs Pods. */
export interface NodePlan extends HostPlan {
  readonly pods: string;
  readonly podsIpv6: string;
}

/** Everything that is known about a lab before it starts. */
export interface LabPlan extends LabShape {
  /** The network of the hosts, and ranges of it, in the form "first-last", that the lab itself does not use. */
  readonly subnet: { readonly ipv4: string; readonly vips: string; readonly ipv6: string; readonly vipsIpv6: string };
  readonly pods: string;
  readonly podsIpv6: string;
  readonly services: string;
  readonly servicesIpv6: string;
  /** The namespace that contains only the bridge. */
  readonly bridge: string;
  readonly controlPlane: HostPlan;
  readonly client: HostPlan;
  readonly workers: readonly NodePlan[];
}

/** The number of slots that have subnets. */
export const slots = 50;

/** The name of every host's interface on the bridge. */
export const hostLink = 'eth0';

/** The prefix of the names of a lab's namespaces. */
export function namespacePrefix(id: string): string {
  return `berth-${id}-`;
}

/** Throws if `id` cannot be part of a namespace's name, or could make it look like a namespace of another lab. */
export function checkId(id: string): void {
  if (!/^[a-z][a-z0-9]{0,15}$/.test(id))
    throw new Error(`"${id}" is no id of a lab: use 1 to 16 lowercase letters and digits, a letter first`);
}

/** Computes the plan of a lab. */
export function planLab(shape: LabShape): LabPlan {
  const { slot } = shape;
  const hosts = 100 + slot;
  const pods = 150 + slot;
  // Never zero: the shortest form of an address leaves zeros out.
  const ula = `fdbe:27:${(slot + 1).toString(16)}`;
  const host = (name: string, number: number): HostPlan => ({
    name,
    namespace: namespacePrefix(shape.id) + name,
    ip: `10.${hosts}.0.${number}`,
    ipv6: `${ula}::${number.toString(16)}`,
    mac: `02:be:27:${byte(slot)}:00:${byte(number)}`,
    port: name,
  });
  const node = (_: unknown, index: number): NodePlan => ({
    ...host(`node${index + 1}`, 11 + index),
    pods: `10.${pods}.${index + 1}.0/24`,
    podsIpv6: `${ula}:1${byte(index + 1)}::/64`,
  });
  return {
    ...shape,
    subnet: {
      ipv4: `10.${hosts}.0.0/16`,
      vips: `10.${hosts}.200.1-10.${hosts}.200.250`,
      ipv6: `${ula}::/64`,
      vipsIpv6: `${ula}::c8:1-${ula}::c8:fa`,
    },
    pods: `10.${pods}.0.0/16`,
    podsIpv6: `${ula}:100::/56`,
    services: `10.${200 + slot}.0.0/16`,
    servicesIpv6: `${ula}:ffff::/112`,
    bridge: `${namespacePrefix(shape.id)}bridge`,
    controlPlane: host('control-plane', 2),
    client: host('client', 3),
    workers: Array.from({ length: shape.nodes }, node),
  };
}

function byte(value: number): string {
  return value.toString(16).padStart(2, '0');
}
