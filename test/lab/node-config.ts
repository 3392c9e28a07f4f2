/** The configuration files of a node's container runtime, Pod network and kubelet. */
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hostFolder, type LabContext } from './context.ts';
import { dnsOfCluster, nodeMonitor } from './control-plane.ts';
import { podImage } from './images.ts';
import type { NodePlan } from './plan.ts';

/** The socket of containerd inside a node. */
const containerdSocket = '/run/containerd/containerd.sock';

/** The paths of the files that were written. */
export interface NodeFiles {
  readonly containerd: string;
  readonly kubelet: string;
}

/** Writes a node's configuration. */
export async function writeNodeConfig(context: LabContext, node: NodePlan): Promise<NodeFiles> {
  const folder = join(hostFolder(context, node.name), 'etc');
  const cni = join(folder, 'cni');
  await mkdir(cni, { recursive: true });
  const crun = join(folder, 'crun');
  // The host may have only cgroup v1, so containers run without cgroups of their own.
  await writeFile(crun, '#!/bin/sh\nexec crun --cgroup-manager=disabled "$@"\n');
  await chmod(crun, 0o755);
  const files = { containerd: join(folder, 'containerd.toml'), kubelet: join(folder, 'kubelet.json') };
  await writeFile(join(cni, '10-lab.conflist'), JSON.stringify(podNetwork(node), undefined, 2));
  await writeFile(files.containerd, containerdConfig(crun, cni));
  await writeFile(files.kubelet, JSON.stringify(kubeletConfig(context, node), undefined, 2));
  return files;
}

function podNetwork(node: NodePlan): unknown {
  return {
    cniVersion: '1.0.0',
    name: 'lab',
    plugins: [
      {
        type: 'bridge',
        bridge: 'cni0',
        isDefaultGateway: true,
        hairpinMode: true,
        ipam: {
          type: 'host-local',
          // A restarted node has no Pods, so all addresses are free again.
          dataDir: '/run/cni-ipam',
          ranges: [[{ subnet: node.pods }], [{ subnet: node.podsIpv6 }]],
        },
      },
      { type: 'portmap', capabilities: { portMappings: true }, snat: true },
    ],
  };
}

function containerdConfig(crun: string, cni: string): string {
  return `version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
# "opt" would make /opt/containerd on the host.
disabled_plugins = ["io.containerd.internal.v1.opt"]
[grpc]
  address = "${containerdSocket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${podImage}"
  restrict_oom_score_adj = true
  # A profile would stay in the kernel of the host.
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "${cni}"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "crun"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.crun]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.crun.options]
        BinaryName = "${crun}"
`;
}

function kubeletConfig({ pki, plan }: LabContext, node: NodePlan): unknown {
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    containerRuntimeEndpoint: `unix://${containerdSocket}`,
    authentication: { x509: { clientCAFile: join(pki, 'ca.crt') } },
    tlsCertFile: join(pki, `${node.name}.crt`),
    tlsPrivateKeyFile: join(pki, `${node.name}.key`),
    cgroupsPerQOS: false,
    enforceNodeAllocatable: [],
    failCgroupV1: false,
    cgroupDriver: 'cgroupfs',
    // The disk belongs to the user of the machine. Its free space must not affect the lab.
    evictionHard: {},
    imageGCHighThresholdPercent: 100,
    failSwapOn: false,
    oomScoreAdj: 0,
    resolvConf: '/dev/null',
    // There is a name server only if a test installs one.
    clusterDNS: [dnsOfCluster(plan)],
    clusterDomain: 'cluster.local',
    volumePluginDir: '/var/lib/kubelet/volume-plugins',
    nodeLeaseDurationSeconds: nodeMonitor.leaseSeconds,
    nodeStatusUpdateFrequency: '5s',
  };
}
