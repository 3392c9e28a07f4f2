/** Random clusters of a few Services, with a node's knowledge of its links and of other nodes. */
import { fc } from '../../property.ts';
import { linkOf, type Surroundings, surroundings } from './gathering.ts';
import { type Cluster, clusterOf, rawAdvertisement, rawAllocation, rawNode } from './objects.ts';
import { type Tenant, tenantOf } from './tenants.ts';

/** A cluster, and the node's other knowledge. */
export interface World {
  readonly cluster: Cluster;
  readonly around: Partial<Surroundings>;
  /** The time since the previous world, in milliseconds. */
  readonly later: number;
}

/** Some of five Services. */
const tenants = fc
  .tuple(...[1, 2, 3, 4, 5].map((number) => fc.option(tenantOf(number))))
  .map((all) => all.filter((one): one is Tenant => one !== null));

/** Addresses that a node reports: both families, one, or none, in either order. */
const own = fc.constantFrom(
  ...[
    ['10.99.0.2', 'fd99::2'],
    ['FD99::2', '10.99.0.2'],
    ['10.99.0.2'],
    ['fd99::2'],
    [],
    ['010.99.0.2', '::ffff:10.99.0.2'],
  ],
);

const links = fc.constantFrom(
  surroundings.links,
  surroundings.links,
  [linkOf('v0', ['10.99.0.2/16', 'fd99::2/64']), linkOf('v1', ['10.98.0.2/24', '10.99.0.77/24'], 3)],
  [linkOf('v0', ['fd99::2/64'])],
  [],
);

/** Complete worlds. */
export const worlds: fc.Arbitrary<World> = fc
  .record({
    ...{ tenants, own, links },
    distribution: fc.constantFrom('Single', 'Single', 'Spread'),
    lost: fc.constantFrom<string[]>([], ['n2'], ['n2', 'n3']),
    later: fc.constantFrom(0, 400, 400, 20_000),
    holders: fc.dictionary(
      fc.constantFrom('10.99.3.1', '10.99.3.2', 'fd99::301', 'fd99::302'),
      fc.constantFrom('n1', 'n2', 'n3'),
    ),
  })
  .map(({ tenants: there, own: addresses, distribution, lost, later, ...rest }) => {
    const present = ['n1', 'n2', 'n3'].filter((node) => !lost.includes(node));
    const cluster = clusterOf({
      services: there.map(({ service }) => service),
      allocations: there.flatMap((one, i) => {
        const sharer = there[i + 1];
        return one.addresses.map((address) => {
          const joins = sharer?.shares && !one.shares && !address.includes(':');
          return rawAllocation(address, [one.service, ...(joins ? [sharer.service] : [])], one.allocationStatus);
        });
      }),
      endpointSlices: there.flatMap(({ slices }) => slices),
      nodes: [rawNode('n1', addresses), ...clusterOf().nodes.slice(1)],
      advertisements: [rawAdvertisement({ distribution })],
    });
    return { cluster, around: { ...rest, present, lost }, later };
  });
