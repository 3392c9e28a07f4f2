/** The document `/status`: what only this speaker knows, for the command line tool. */

import type { DataPathStatus, PeerStatus, SpeakerStatus } from '../../api/speaker-status.ts';
import { isSynced } from '../../kube/informer-set.ts';
import type { Link } from '../../linux/links.ts';
import type { Announcer } from '../announce/announcer.ts';
import type { Informers } from '../informers.ts';
import { readNodeFacts } from './node-facts.ts';

/** The parts that the document is made from. */
interface StatusSources {
  readonly informers: Informers;
  readonly reporter: { readonly status: Pick<SpeakerStatus, 'links' | 'vips'> };
  readonly runner: { readonly peers: readonly PeerStatus[] };
  readonly dataplane: { readonly status: DataPathStatus };
  readonly announcer: Pick<Announcer, 'counters'>;
  readonly monitor: { readonly links: () => readonly Link[] };
}

/** The whole document, with the current facts of the kernel. */
export async function speakerStatus(
  { version, nodeName: node }: { readonly version: string; readonly nodeName: string },
  { informers, reporter, runner, dataplane, announcer, monitor }: StatusSources,
): Promise<SpeakerStatus> {
  const facts = await readNodeFacts(monitor.links());
  const own = { version, node, synced: isSynced(informers), ...reporter.status };
  return { ...own, peers: runner.peers, dataPath: dataplane.status, frames: announcer.counters(), facts };
}
