/**
 * Asks all speakers to remove their nftables rules, and waits until they have. A speaker that gets SIGTERM cannot know whether it will start
 * again, so an uninstallation must be announced to it. The chart runs this before it is uninstalled.
 */
import { parseSpeakerPod, type RawPod, uninstallAnnotation } from '../api/node.ts';
import { hasStatus, KubeClient, type Requests } from '../kube/client.ts';
import { connect } from '../kube/connection.ts';
import { podsPath } from '../kube/resources.ts';
import { retried } from '../kube/retried.ts';
import type { Logger } from '../runtime/logger.ts';
import { wait } from '../runtime/wait.ts';

/** The location of the speakers, and the time that they have. */
interface UninstallOptions {
  readonly kubeconfig: string | undefined;
  readonly namespace: string;
  /** Labels of the speakers' Pods. */
  readonly peerSelector: string;
  /** Milliseconds. */
  readonly timeout: number;
}

const pollMs = 500;

/**
 * Never fails because of a speaker: it must be possible to remove an installation with a broken node. Rules that are left on such a node have
 * no effect after ten minutes.
 */
export async function uninstall(options: UninstallOptions, log: Logger, signal: AbortSignal): Promise<void> {
  const client = new KubeClient(await connect(options.kubeconfig));
  const speakers = () => retried(() => speakersOf(client, options, signal), { log, signal });
  const asked = new Set<string>();
  /** Asks the speakers that became ready since, and returns the nodes of all that still have their rules. */
  const askAll = async (): Promise<readonly string[]> => {
    const ready = (await speakers()).filter((pod) => pod.ready);
    for (const { name, uid, node } of ready.filter((pod) => !asked.has(pod.uid))) {
      const path = `${podsPath(options.namespace)}/${name}`;
      const request = retried(() => requestRemoval(path, client, signal), { log, signal });
      // A policy may refuse the change of one Pod.
      await request.catch((err: unknown) => log.warn({ node, err }, 'speaker cannot be asked to remove its rules'));
      asked.add(uid);
    }
    return ready.map(({ node }) => node);
  };
  try {
    for (const { node } of (await speakers()).filter(({ ready }) => !ready)) {
      log.warn({ node }, 'speaker is not ready: its rules have no effect ten minutes after it ended');
    }
    const deadline = performance.now() + options.timeout;
    let waiting = await askAll();
    log.info({ speakers: asked.size }, 'asked the speakers to remove their nftables rules');
    while (waiting.length > 0 && performance.now() < deadline && !signal.aborted) {
      await wait(pollMs, signal);
      waiting = await askAll();
    }
    if (waiting.length > 0)
      log.warn(
        { nodes: waiting },
        'speakers did not remove their nftables rules in time: the rules have no effect after ten minutes',
      );
    else log.info({ speakers: asked.size }, 'all speakers have removed their nftables rules');
  } finally {
    client.close();
  }
}

async function speakersOf(client: Requests, { namespace, peerSelector }: UninstallOptions, signal: AbortSignal) {
  const request = { method: 'GET', path: podsPath(namespace), query: { labelSelector: peerSelector }, signal } as const;
  const { items } = await client.json<{ readonly items: readonly RawPod[] }>(request);
  return items.map(parseSpeakerPod).filter((pod) => pod !== undefined);
}

async function requestRemoval(path: string, client: Requests, signal: AbortSignal): Promise<void> {
  const body = { metadata: { annotations: { [uninstallAnnotation]: 'true' } } };
  try {
    await client.json({ method: 'PATCH', path, body, contentType: 'application/merge-patch+json', signal });
  } catch (error) {
    // A Pod that has just gone has no speaker to ask.
    if (!hasStatus(error, 404)) throw error;
  }
}
