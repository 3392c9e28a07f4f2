/** Two network namespaces joined by a veth pair: a client's and a node's. */
import { execFileSync } from 'node:child_process';

/** The name of the link at both ends. */
export const linkName = 'v0';

/** Hardware addresses of the two ends. */
export const clientMac = '02:00:00:00:00:01';
export const nodeMac = '02:00:00:00:00:aa';

/** The namespaces' names, for `ip netns exec`. Client 10.99.0.1/16, node 10.99.0.2/16. */
export interface Pair {
  readonly client: string;
  readonly node: string;
  /** Deletes both, and with them the links. */
  close(): void;
}

let made = 0;

/** Makes a pair whose names carry this process's id, so that test runs do not meet. */
export function createPair(): Pair {
  made += 1;
  const client = `berth-${process.pid}-${made}c`;
  const node = `berth-${process.pid}-${made}n`;
  const close = () => {
    for (const name of [client, node]) execFileSync('ip', ['netns', 'del', name], { stdio: 'ignore' });
  };
  ip(`netns add ${client}`);
  ip(`netns add ${node}`);
  try {
    ip(`-n ${client} link add ${linkName} type veth peer name ${linkName} netns ${node}`);
    setUp(client, { mac: clientMac, address: '10.99.0.1/16' });
    setUp(node, { mac: nodeMac, address: '10.99.0.2/16' });
    return { client, node, close };
  } catch (cause) {
    close();
    throw cause;
  }
}

function setUp(namespace: string, { mac, address }: { readonly mac: string; readonly address: string }): void {
  ip(`-n ${namespace} link set ${linkName} address ${mac}`);
  ip(`-n ${namespace} address add ${address} dev ${linkName}`);
  ip(`-n ${namespace} link set ${linkName} up`);
}

/** Runs ip(8) with words separated by spaces; returns what it prints. */
export function ip(words: string): string {
  return execFileSync('ip', words.split(' '), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}
