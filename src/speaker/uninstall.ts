/**
 * Asks all speakers to take their rules out of the kernels, and waits until they have: a speaker that is told to end does not know whether
 * it will be back, so somebody has to tell it. The chart runs this before it is uninstalled.
 */
import { parseSpeakerPod, type RawPod, uninstallAnnotation } from '../api/node.ts';
import { KubeClient } from '../kube/client.ts';
import { connect } from '../kube/connection.ts';
import { podsPath } from '../kube/resources.ts';
import type { Logger } from '../runtime/logger.ts';
import { wait } from '../runtime/wait.ts';

/** Where the speakers are, and how long they have. */
export interface UninstallOptions {
  readonly kubeconfig: string | undefined;
  readonly namespace: string;
  /** Labels of the speakers' Pods. */
  readonly peerSelector: string;
  /** Milliseconds. */
  readonly timeout: number;
}

const pollMs = 500;

/**
 * Never fails because of a speaker: an installation with a broken node must be possible to remove. What is left on such a node does
 * nothing any more after ten minutes.
 */
export async function uninstall(options: UninstallOptions, log: Logger, signal: AbortSignal): Promise<void> {
  const client = new KubeClient(await connect(options.kubeconfig));
  try {
    const before = await speakersOf(client, options, signal);
    const asked = before.filter(({ ready }) => ready);
    for (const { node } of before.filter(({ ready }) => !ready)) {
      log.warn({ node }, 'speaker is not ready: its rules do nothing any more ten minutes after it ended');
    }
    for (const { name } of asked) await ask(`${podsPath(options.namespace)}/${name}`, client, signal);
    log.info({ speakers: asked.length }, 'asked to take their rules out of the kernel');
    const deadline = performance.now() + options.timeout;
    let waiting: readonly string[] = asked.map(({ node }) => node);
    while (waiting.length > 0 && performance.now() < deadline && !signal.aborted) {
      await wait(pollMs, signal);
      const now = await speakersOf(client, options, signal);
      waiting = asked.filter(({ uid }) => now.some((pod) => pod.uid === uid && pod.ready)).map(({ node }) => node);
    }
    if (waiting.length > 0) log.warn({ nodes: waiting }, 'speakers did not answer in time: their rules run out');
    else log.info({ speakers: asked.length }, 'all rules are gone');
  } finally {
    client.close();
  }
}

async function speakersOf(client: KubeClient, { namespace, peerSelector }: UninstallOptions, signal: AbortSignal) {
  const request = { method: 'GET', path: podsPath(namespace), query: { labelSelector: peerSelector }, signal } as const;
  const { items } = await client.json<{ readonly items: readonly RawPod[] }>(request);
  return items.map(parseSpeakerPod).filter((pod) => pod !== undefined);
}

async function ask(path: string, client: KubeClient, signal: AbortSignal): Promise<void> {
  const body = { metadata: { annotations: { [uninstallAnnotation]: 'true' } } };
  await client.json({ method: 'PATCH', path, body, contentType: 'application/merge-patch+json', signal });
}
