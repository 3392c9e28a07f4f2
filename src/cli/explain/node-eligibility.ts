/** What each node is to a VIP, from what is known: see node-eligibility.ts. */
import type { Ip } from '../../addr/ip.ts';
import { eligibilityOf, type NodeEligibility, type ReportedLink } from '../../announce/node-eligibility.ts';
import { type AdvertisementView, coversPool } from '../../api/advertisement.ts';
import type { Evaluation } from '../cluster/evaluation.ts';

/** An address, and what decides who may hold it. */
export interface Placed {
  readonly address: Ip;
  readonly pool: string;
  readonly holder: string | undefined;
  /** The Service that it is for, where that one's `externalTrafficPolicy` is `Local`. */
  readonly localService: string | undefined;
}

/** The advertisements that cover a pool. */
export function advertisementsOf({ cluster }: Evaluation, pool: string): readonly AdvertisementView[] {
  return cluster.advertisements.filter((advertisement) => coversPool(advertisement, pool));
}

/** Judges every node, the holder first, then those that could hold it. */
export function nodeEligibilities(
  picture: Evaluation,
  { address, pool, holder, localService }: Placed,
): readonly NodeEligibility[] {
  const { cluster, answers, endpoints, dead } = picture;
  const { nodes, installation } = cluster;
  const withPod = new Set([...installation.speakers.map(({ node }) => node), ...installation.settings.assumeAlive]);
  const links = new Map<string, readonly ReportedLink[]>();
  for (const { node, status } of answers) if (status) links.set(node, status.links);
  const advertisements = advertisementsOf(picture, pool);
  const allExcluded = nodes.every(({ excluded }) => excluded);
  const looks = nodes.map((node) =>
    eligibilityOf(node, {
      address,
      advertisements,
      holder,
      allExcluded,
      hasSpeaker: (name) => withPod.has(name),
      endpointNodes: localService === undefined ? undefined : (endpoints.get(localService) ?? new Set()),
      isAlive: (name) => !dead.has(name),
      linksOf: (name) => links.get(name),
    }),
  );
  const rank = ({ reason }: NodeEligibility) => (reason === 'Holder' ? 0 : reason === 'Candidate' ? 1 : 2);
  return looks.sort((a, b) => rank(a) - rank(b) || (a.node < b.node ? -1 : 1));
}
