/** A client behind a router, over a link with a small MTU. */
import type { Ip } from '../../src/addr/ip.ts';
import {
  addNamespaces,
  addressLine,
  deleteNamespaces,
  forwardIn,
  haveLinkLocal,
  ip,
  ipBatch,
  linkName,
} from './namespaces.ts';
import { type Endpoint, startEndpoint } from './path-lab.ts';

/** Smaller than the first packets that a server sends. */
export const smallMtu = 1_300;

/** The client's addresses. */
export const far = { IPv4: '10.98.0.1' as Ip, IPv6: 'fd98::1' as Ip } as const;

/** The client, and its namespace. */
export interface FarClient {
  readonly end: Endpoint;
  close(): void;
}

/** Starts a client behind the host of a namespace, which becomes its router. */
export async function startFarClient(router: string): Promise<FarClient> {
  const name = `${router}-far`;
  addNamespaces([name]);
  try {
    forwardIn(router);
    ip(`-n ${router} link add far type veth peer name ${linkName} netns ${name}`);
    // The client's end sends and accepts full packets: only the router finds them too big.
    const toFar = ['10.98.0.254/24', 'fd98::fe/64'].map((address) => addressLine('far', address));
    ipBatch(router, [`link set far mtu ${smallMtu} up`, ...toFar]);
    ipBatch(name, [
      `link set ${linkName} up`,
      ...[`${far.IPv4}/24`, `${far.IPv6}/64`].map((address) => addressLine(linkName, address)),
      'route add default via 10.98.0.254',
      'route add default via fd98::fe',
    ]);
    const end = await startEndpoint(name);
    await haveLinkLocal([name]);
    const close = () => {
      end.process.close();
      deleteNamespaces([name]);
    };
    return { end, close };
  } catch (cause) {
    deleteNamespaces([name]);
    throw cause;
  }
}
