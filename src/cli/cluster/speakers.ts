/**
 * Reads the status of every speaker. A command works without these answers, and names the nodes whose speaker
 * did not answer.
 */

import type { LinksOf } from '../../announce/desired-vips.ts';
import type { SpeakerStatus } from '../../api/speaker-status.ts';
import { listed } from '../../api/text.ts';
import { getByPortForward } from '../../kube/port-forward.ts';
import { inParallel } from '../../runtime/parallel.ts';
import type { Installation } from './installation.ts';
import type { Session } from './session.ts';

/** The answer of the speaker of one node. */
export interface SpeakerAnswer {
  readonly node: string;
  readonly status: SpeakerStatus | undefined;
  /** Why the speaker did not answer; undefined if it did. */
  readonly fault: string | undefined;
}

const timeoutMs = 5_000;
const concurrency = 16;

/** Asks all speakers through the API server's port-forward. A speaker that fails never rejects the call. */
export async function askSpeakers(session: Session, installation: Installation): Promise<readonly SpeakerAnswer[]> {
  const { config } = await session.reach();
  const { namespace, speakers, settings } = installation;
  const answers = new Map<string, SpeakerAnswer>();
  await inParallel(
    speakers.filter(({ node }) => node !== ''),
    async ({ name: pod, node }) => {
      try {
        const request = { namespace, pod, port: settings.healthPort, path: '/status', timeoutMs };
        const { status, body } = await getByPortForward(config, request);
        if (status === 404) throw new Error('its version does not serve /status');
        if (status !== 200) throw new Error(`it answers HTTP ${status}`);
        answers.set(node, { node, status: JSON.parse(body) as SpeakerStatus, fault: undefined });
      } catch (error) {
        answers.set(node, { node, status: undefined, fault: (error as Error).message });
      }
    },
    { limit: concurrency, signal: session.signal },
  );
  return [...answers.values()].sort((a, b) => (a.node < b.node ? -1 : 1));
}

/** The usable links of each node, as its speaker reports them; undefined for a node whose speaker did not answer. */
export function linksOfAll(answers: readonly SpeakerAnswer[]): LinksOf {
  const known = new Map(answers.flatMap(({ node, status }) => (status === undefined ? [] : [[node, status] as const])));
  return (node) =>
    known
      .get(node)
      ?.links.filter(({ unusable, noInboundTraffic }) => unusable === undefined && !noInboundTraffic)
      .map(({ name, mac, addresses }) => ({ name, mac, addresses }));
}

/** One line for the speakers that did not answer for the same reason. */
export function faultsOf(answers: readonly SpeakerAnswer[]): readonly string[] {
  const faults = new Set(answers.flatMap(({ fault }) => fault ?? []));
  return [...faults].map((fault) => {
    const nodes = answers.filter((one) => one.fault === fault).map(({ node }) => node);
    return `no answer from the ${nodes.length > 1 ? 'speakers' : 'speaker'} on ${listed(nodes)}: ${fault}`;
  });
}
