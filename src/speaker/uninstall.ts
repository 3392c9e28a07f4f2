/**
 * Asks all speakers to remove their nftables rules, and waits until they have. A speaker that gets SIGTERM cannot know whether it will start
 * again, so an uninstallation must be announced to it. The chart runs this before it is uninstalled.
 */
import { parseSpeakerPod, type RawPod, uninstallAnnotation } from '../api/node.ts';
import { KubeClient } from '../kube/client.ts';
import { connect } from '../kube/connection.ts';
import { podsPath } from '../kube/resources.ts';
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
  try {
    const before = await speakersOf(client, options, signal);
    const requested = before.filter(({ ready }) => ready);
    for (const { node } of before.filter(({ ready }) => !ready)) {
      log.warn({ node }, 'speaker is not ready: its rules have no effect ten minutes after it ended');
    }
    for (const { name } of requested) await requestRemoval(`${podsPath(options.namespace)}/${name}`, client, signal);
    log.info({ speakers: requested.length }, 'asked the speakers to remove their nftables rules');
    const deadline = performance.now() + options.timeout;
    let waiting: readonly string[] = requested.map(({ node }) => node);
    while (waiting.length > 0 && performance.now() < deadline && !signal.aborted) {
      await wait(pollMs, signal);
      const now = await speakersOf(client, options, signal);
      waiting = requested.filter(({ uid }) => now.some((pod) => pod.uid === uid && pod.ready)).map(({ node }) => node);
    }
    if (waiting.length > 0)
      log.warn(
        { nodes: waiting },
        'speakers did not remove their nftables rules in time: the rules have no effect after ten minutes',
      );
    else log.info({ speakers: requested.length }, 'all speakers have removed their nftables rules');
  } finally {
    client.close();
  }
}

async function speakersOf(client: KubeClient, { namespace, peerSelector }: UninstallOptions, signal: AbortSignal) {
  const request = { method: 'GET', path: podsPath(namespace), query: { labelSelector: peerSelector }, signal } as const;
  const { items } = await client.json<{ readonly items: readonly RawPod[] }>(request);
  return items.map(parseSpeakerPod).filter((pod) => pod !== undefined);
}

async function requestRemoval(path: string, client: KubeClient, signal: AbortSignal): Promise<void> {
  const body = { metadata: { annotations: { [uninstallAnnotation]: 'true' } } };
  await client.json({ method: 'PATCH', path, body, contentType: 'application/merge-patch+json', signal });
}
