/** The lab's network: one namespace per host, one bridge in a namespace of its own, and routes to the Pods of each node. */
import { existsSync, readdirSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type HostPlan, hostLink, type LabPlan, type NodePlan, namespacePrefix } from './plan.ts';
import { mustRun } from './run.ts';

const namespacesFolder = '/run/netns';

/** The bridge's name inside its namespace. */
const bridgeLink = 'br0';

/** Every host of a lab. */
export function hostsOf(plan: LabPlan): readonly HostPlan[] {
  return [plan.controlPlane, plan.client, ...plan.workers];
}

/** Creates all namespaces and connects them. */
export async function createNetwork(plan: LabPlan): Promise<void> {
  const hosts = hostsOf(plan);
  await ip([plan.bridge, ...hosts.map(({ namespace }) => namespace)].map((name) => `netns add ${name}`));
  await ip([`link add ${bridgeLink} type bridge mcast_snooping 0`, `link set ${bridgeLink} up`], plan.bridge);
  // The bridge must forward frames only, and not pass them to the packet filter of its namespace.
  const filters = ['iptables', 'ip6tables', 'arptables'].map((name) => `/proc/sys/net/bridge/bridge-nf-call-${name}`);
  await writeSysctls(
    plan.bridge,
    filters.filter((path) => existsSync(path)).map((path) => [path, '0']),
  );
  for (const host of hosts) await connect(plan, host);
}

/** Creates a host's namespace again. As after a power cycle, no kernel state of the host is left. */
export async function recreateHost(plan: LabPlan, host: HostPlan): Promise<void> {
  if (namespaceExists(host.namespace)) await ip([`netns del ${host.namespace}`]);
  // The peer is removed together with the namespace, but not at once.
  await mustRun(['sh', '-c', `ip -n ${plan.bridge} link del ${host.port} 2>/dev/null || true`]);
  await ip([`netns add ${host.namespace}`]);
  await connect(plan, host);
}

/** Disconnects a host from the bridge, or connects it again. */
export async function setPort(plan: LabPlan, host: HostPlan, state: 'up' | 'down'): Promise<void> {
  await ip([`link set ${host.port} ${state}`], plan.bridge);
}

/** Connects a host's namespace to the bridge, and sets its addresses and routes. */
async function connect(plan: LabPlan, host: HostPlan): Promise<void> {
  await ip(
    [
      `link add ${host.port} type veth peer name ${hostLink} netns ${host.namespace}`,
      `link set ${host.port} master ${bridgeLink} up`,
    ],
    plan.bridge,
  );
  await ip(
    [
      'link set lo up',
      `link set ${hostLink} address ${host.mac}`,
      `link set ${hostLink} up`,
      `address add ${host.ip}/${prefixLength(plan.subnet.ipv4)} dev ${hostLink}`,
      // No other host has the address. Without "nodad" no program could listen on it for the first second.
      `address add ${host.ipv6}/${prefixLength(plan.subnet.ipv6)} dev ${hostLink} nodad`,
      ...routes(plan, host),
    ],
    host.namespace,
  );
  if ('pods' in host) await prepareNode(plan, host as NodePlan);
}

/** Routes to the Pods of other nodes, and a default route. The client has none: it stands for a user outside the cluster. */
function routes(plan: LabPlan, host: HostPlan): readonly string[] {
  if (host.name === plan.client.name) return [];
  const others = plan.workers.filter(({ name }) => name !== host.name);
  const pods = others.flatMap((node) => [
    `route add ${node.pods} via ${node.ip}`,
    `route add ${node.podsIpv6} via ${node.ipv6}`,
  ]);
  if (host.name === plan.controlPlane.name) return pods;
  // The default route leads to a host that forwards nothing. But the kernel needs a route to a Service's address
  // before kube-proxy's rules replace that address.
  const { ip, ipv6 } = plan.controlPlane;
  return [...pods, `route add default via ${ip}`, `route add default via ${ipv6}`];
}

/** Enables forwarding on a node, and masquerades packets from its Pods to addresses outside of the cluster. */
async function prepareNode(plan: LabPlan, node: NodePlan): Promise<void> {
  await writeSysctls(node.namespace, [
    ['/proc/sys/net/ipv4/ip_forward', '1'],
    ['/proc/sys/net/ipv6/conf/all/forwarding', '1'],
  ]);
  const rules = `table inet lab {
  chain postrouting {
    type nat hook postrouting priority srcnat
    ip saddr ${node.pods} ip daddr != ${plan.pods} oifname "${hostLink}" masquerade
    ip6 saddr ${node.podsIpv6} ip6 daddr != ${plan.podsIpv6} oifname "${hostLink}" masquerade
  }
}
`;
  await mustRun(['ip', 'netns', 'exec', node.namespace, 'nft', '-f', '-'], { input: rules });
}

/** The names of the namespaces of the lab with this id. */
export function namespacesOf(id: string): readonly string[] {
  if (!existsSync(namespacesFolder)) return [];
  return readdirSync(namespacesFolder).filter((name) => name.startsWith(namespacePrefix(id)));
}

/** Removes the namespaces, with every link, address and rule in them. */
export async function removeNamespaces(names: readonly string[]): Promise<void> {
  for (const name of names) {
    // A namespace exists as long as a process has it open, but its links must go now. An incomplete namespace cannot be entered.
    const script = 'cd /sys/class/net && for link in *; do ip link del $link; done';
    await mustRun(['sh', '-c', `ip netns exec ${name} sh -c '${script}' >/dev/null 2>&1 || true`]);
    await mustRun(['ip', 'netns', 'del', name]).catch(async (error: Error) => {
      if (namespaceExists(name)) throw error;
    });
  }
}

/** The namespaces in the form of /proc/PID/ns/net (namespaces(7)). Incomplete ones, which cannot be entered, are left out. */
export function namespaceIds(names: readonly string[]): ReadonlySet<string> {
  const own = readlinkSync('/proc/self/ns/net');
  const ids = names.map((name) => `net:[${statSync(join(namespacesFolder, name)).ino}]`);
  return new Set(ids.filter((id) => id !== own));
}

function namespaceExists(name: string): boolean {
  return existsSync(join(namespacesFolder, name));
}

/** Runs commands of ip(8), in a namespace if one is given. */
async function ip(lines: readonly string[], namespace?: string): Promise<void> {
  const where = namespace === undefined ? [] : ['-n', namespace];
  await mustRun(['ip', ...where, '-batch', '-'], { input: `${lines.join('\n')}\n` });
}

async function writeSysctls(namespace: string, values: readonly (readonly string[])[]): Promise<void> {
  const script = values.map(([path, value]) => `echo ${value} >${path}`).join('\n');
  await mustRun(['ip', 'netns', 'exec', namespace, 'sh', '-e', '-c', script]);
}

/** The prefix length of a CIDR, as text. */
export function prefixLength(cidr: string): string {
  return cidr.slice(cidr.indexOf('/') + 1);
}
