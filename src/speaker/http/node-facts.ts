/** Facts of this node's kernel that matter for load balancing, read on request. */
import type { NodeFacts } from '../../api/node-facts.ts';
import { readIngressQdiscs } from '../../linux/ingress-qdiscs.ts';
import type { Link } from '../../linux/links.ts';
import { nftVersion } from '../../linux/nft.ts';
import { kernelRelease, readDefaultLinks, readForwarding, readLinkSettings } from '../../linux/node-facts.ts';

let version: Promise<string | undefined> | undefined;

/** The facts of the node with these links. */
export async function readNodeFacts(links: readonly Link[]): Promise<NodeFacts> {
  // The version of nft does not change while this process runs.
  version ??= nftVersion();
  const usual = links.filter(({ noArp, master }) => !noArp && master === undefined).map(({ name }) => name);
  const [nft, forwarding, allLinks, defaultLinks, ...settings] = await Promise.all([
    version,
    readForwarding(),
    readLinkSettings('all'),
    readDefaultLinks(),
    ...usual.map(readLinkSettings),
  ]);
  const programs = programsOn(links);
  return {
    ...{ kernel: kernelRelease(), forwarding, allLinks, defaultLinks },
    links: Object.fromEntries(usual.map((name, i) => [name, settings[i] ?? {}])),
    ...(nft !== undefined && { nft }),
    ...(programs && { programs }),
  };
}

function programsOn(links: readonly Link[]): readonly string[] | undefined {
  try {
    const qdiscs = readIngressQdiscs();
    return links.filter(({ xdp, index }) => xdp || qdiscs.has(index)).map(({ name }) => name);
  } catch {
    return undefined;
  }
}
