/** The HTTP endpoints of a speaker: health, status and metrics on the node's loopback address, and optionally the metrics on another one. */
import type { KubeClient } from '../../kube/client.ts';
import { faultOf, isSynced } from '../../kube/informer-set.ts';
import type { LinkMonitor } from '../../linux/link-monitor.ts';
import { serveHealth } from '../../runtime/health.ts';
import type { Loop } from '../../runtime/loop.ts';
import type { Announcer } from '../announce/announcer.ts';
import type { StatusReporter } from '../announce/status-reporter.ts';
import type { NodeDataplane } from '../dataplane/node-dataplane.ts';
import type { ElectionRunner } from '../election/election-runner.ts';
import type { LivenessLog } from '../election/liveness-log.ts';
import type { PeerTransport } from '../election/peer-transport.ts';
import type { Takeovers } from '../election/takeover-metrics.ts';
import type { Informers } from '../informers.ts';
import { speakerMetrics } from './metrics.ts';
import { speakerStatus } from './status.ts';

/** Where to serve. */
export interface EndpointOptions {
  readonly version: string;
  readonly nodeName: string;
  /** `ADDRESS:PORT` of health, status and metrics. */
  readonly health: string;
  /** `ADDRESS:PORT` of the metrics alone; undefined: they are served with the health only. */
  readonly metrics: string | undefined;
}

/** The parts of a speaker that the endpoints read. */
interface EndpointParts {
  readonly informers: Informers;
  readonly announcer: Announcer;
  readonly runner: ElectionRunner;
  readonly transport: PeerTransport;
  readonly livenessLog: LivenessLog;
  readonly reporter: StatusReporter;
  readonly takeovers: Takeovers;
  readonly dataplane: NodeDataplane;
  readonly monitor: LinkMonitor;
  readonly loop: Loop;
  readonly client: KubeClient;
}

/** Every host of the network may reach the metrics: their connections must not use up this process's files. */
const mostConnections = 64;

/** Serves until the returned function is called. Rejects if it cannot listen on an address. */
export async function serveSpeaker(options: EndpointOptions, parts: EndpointParts): Promise<() => void> {
  const { informers, announcer, takeovers, dataplane, loop, client } = parts;
  const metrics = speakerMetrics({
    ...{ version: options.version, ...parts },
    parts: [...takeovers.metrics, ...loop.metrics, ...client.calls.metrics],
  });
  const closeHealth = await serveHealth({
    listen: options.health,
    live: { worker: announcer.fault, loop: loop.fault, watches: () => faultOf(informers) },
    ready: {
      informers: () => (isSynced(informers) ? undefined : 'first lists are not read yet'),
      rules: () => dataplane.removedReason(),
    },
    metrics,
    documents: { '/status': () => speakerStatus(options, parts) },
  });
  if (options.metrics === undefined) return closeHealth;
  try {
    const closeMetrics = await serveHealth({ listen: options.metrics, metrics, mostConnections });
    return () => [closeHealth, closeMetrics].forEach((close) => void close());
  } catch (error) {
    closeHealth();
    throw error;
  }
}
