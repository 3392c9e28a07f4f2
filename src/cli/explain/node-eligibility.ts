/** The verdict on each node for a VIP, from the evaluation of the cluster: see announce/node-eligibility.ts. */

import type { Ip } from '../../addr/ip.ts';
import { endpointKey } from '../../announce/desired-vips.ts';
import {
  eligibilityOf,
  type NodeEligibility,
  obeysExclusion,
  type ReportedLink,
} from '../../announce/node-eligibility.ts';
import { type AdvertisementView, coversEntry, coversPool } from '../../api/advertisement.ts';
import type { Evaluation } from '../cluster/evaluation.ts';

/** An address, and the facts that decide which nodes may hold it. */
interface Placed {
  readonly address: Ip;
  readonly pool: string;
  readonly holder: string | undefined;
  /** The Service of the address, if its `externalTrafficPolicy` is `Local`. */
  readonly localService: string | undefined;
}

/** The advertisements that cover an address, or a new one of its pool if it is not in the ledger. */
export function advertisementsOf(
  { cluster }: Evaluation,
  { address, pool }: Pick<Placed, 'address' | 'pool'>,
): readonly AdvertisementView[] {
  const entry = cluster.ledger.find((one) => one.address === address);
  return cluster.advertisements.filter((one) => (entry ? coversEntry(one, entry) : coversPool(one, pool)));
}

/** May the node announce the address, as far as the tool knows? */
export function mayAnnounce({ reason }: NodeEligibility): boolean {
  return reason === 'Holder' || reason === 'Candidate' || reason === 'LinksUnknown';
}

/** Tells whether a node runs a speaker. */
function speakerPresence({ cluster }: Pick<Evaluation, 'cluster'>): (node: string) => boolean {
  const { speakers, settings } = cluster.installation;
  const nodes = new Set([...speakers.map(({ node }) => node), ...settings.assumeAlive]);
  return (node) => nodes.has(node);
}

/** Judges every node. The holder comes first, then the nodes that can take the address over. */
export function nodeEligibilities(
  evaluation: Evaluation,
  { address, pool, holder, localService }: Placed,
): readonly NodeEligibility[] {
  const { cluster, answers, endpoints, dead } = evaluation;
  const { nodes } = cluster;
  const links = new Map<string, readonly ReportedLink[]>();
  for (const { node, status } of answers) if (status) links.set(node, status.links);
  const advertisements = advertisementsOf(evaluation, { address, pool });
  const hasSpeaker = speakerPresence(evaluation);
  const eligibilities = nodes.map((node) =>
    eligibilityOf(node, {
      address,
      advertisements,
      holder,
      obeysExclusion: obeysExclusion(nodes, hasSpeaker),
      hasSpeaker,
      endpointNodes:
        localService === undefined ? undefined : (endpoints.get(endpointKey(localService, address)) ?? new Set()),
      isAlive: (name) => !dead.has(name),
      linksOf: (name) => links.get(name),
    }),
  );
  const first = ['Holder', 'Candidate', 'LinksUnknown'];
  const rank = ({ reason }: NodeEligibility) => (first.includes(reason) ? first.indexOf(reason) : first.length);
  return eligibilities.sort((a, b) => rank(a) - rank(b) || (a.node < b.node ? -1 : 1));
}
