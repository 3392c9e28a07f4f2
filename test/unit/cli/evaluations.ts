/** Evaluations of small clusters, for tests. */
import type { LinkStatus, SpeakerStatus } from '../../../src/api/speaker-status.ts';
import type { Cluster } from '../../../src/cli/cluster/cluster.ts';
import { type Evaluation, evaluationOf } from '../../../src/cli/cluster/evaluation.ts';
import { settingsOf } from '../../../src/cli/cluster/installation.ts';
import { advertisement, node } from '../fixtures.ts';

/** The nodes of the clusters. All are alive, and each has one link in 192.0.2.0/24. */
export const nodeNames = ['n1', 'n2', 'n3'] as const;

/** A link that can carry announcements. */
export function link(name: string, address: string, facts: Partial<LinkStatus> = {}): LinkStatus {
  return {
    name,
    mac: '02:00:00:00:00:01',
    addresses: [address],
    carrier: true,
    noInboundTraffic: false,
    blocked: [],
    ...facts,
  };
}

/** The status of a speaker that hears every other one. */
export function statusOf(name: string, facts: Partial<SpeakerStatus> = {}): SpeakerStatus {
  return {
    ...{ version: '1', node: name, synced: true, vips: [], frames: {} },
    links: [link('eth0', '192.0.2.250/24')],
    peers: nodeNames.filter((one) => one !== name).map((one) => ({ node: one, liveness: 'Alive', silentMs: 10 })),
    dataPath: { nftables: 'Loaded', handOff: 'KubeProxy', present: [...nodeNames] },
    ...facts,
  };
}

/** The evaluation of a cluster. Without facts the cluster is empty and has no problem. */
export function evaluated(
  facts: Partial<Cluster> = {},
  speakers: readonly SpeakerStatus[] = nodeNames.map((name) => statusOf(name)),
): Evaluation {
  const cluster: Cluster = {
    installation: {
      ...{
        namespace: 'berth-system',
        version: '1',
        settings: settingsOf([], []),
        replicas: 1,
        leader: 'c',
        others: [],
      },
      controllers: [{ name: 'c', node: 'n1', ready: true }],
      speakers: nodeNames.map((name) => ({ name: `s-${name}`, node: name, ready: true })),
    },
    ...{ pools: [], advertisements: [advertisement()], namespaces: [], services: [], ledger: [], endpointSlices: [] },
    nodes: nodeNames.map((name) => node(name)),
    now: 0,
    ...facts,
  };
  return evaluationOf(
    cluster,
    speakers.map((status) => ({ node: status.node, status, fault: undefined })),
  );
}
