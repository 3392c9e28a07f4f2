/** Asks the speakers what only they know. A command works without it, and says whom it could not ask. */

import type { LinksOf } from '../../announce/desired-vips.ts';
import type { SpeakerStatus } from '../../api/speaker-status.ts';
import { getByPortForward } from '../../kube/port-forward.ts';
import { inParallel } from '../../runtime/parallel.ts';
import type { Installation } from './installation.ts';
import type { Session } from './session.ts';

/** What became of the question to one node. */
export interface SpeakerAnswer {
  readonly node: string;
  readonly status: SpeakerStatus | undefined;
  /** Why it could not be asked; undefined: it could. */
  readonly fault: string | undefined;
}

const timeoutMs = 5_000;
const concurrency = 16;

/** Asks all speakers through the API server's port-forward. Never rejects because of one. */
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
        if (status === 404) throw new Error('its version tells nothing: it has no /status');
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

/** The links of the nodes, as they tell them; undefined where nobody does. */
export function linksOfAll(answers: readonly SpeakerAnswer[]): LinksOf {
  const known = new Map(answers.flatMap(({ node, status }) => (status === undefined ? [] : [[node, status] as const])));
  return (node) =>
    known
      .get(node)
      ?.links.filter(({ unusable, deaf }) => unusable === undefined && !deaf)
      .map(({ name, mac, addresses }) => ({ name, mac, addresses }));
}

/** One line for each node that could not be asked. */
export function faultsOf(answers: readonly SpeakerAnswer[]): readonly string[] {
  return answers.flatMap(({ node, fault }) => (fault === undefined ? [] : [`speaker on ${node} not asked: ${fault}`]));
}
