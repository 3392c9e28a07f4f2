/**
 * Shared by the tests of the rules: a client and a node with our rules, programs at both ends, and
 * paths with sensible defaults.
 */
import { execFileSync } from 'node:child_process';
import type { Ip } from '../../src/addr/ip.ts';
import { wholeText } from '../../src/dataplane/nft/ruleset.ts';
import type { DataPath, PortPath, Spread, VipPath } from '../../src/dataplane/plan/spec.ts';
import { rulesetOf } from '../../src/dataplane/rules/desired.ts';
import type { Answer, Command, Question, Target } from './endpoint-process.ts';
import { type LineProcess, startLineProcess } from './line-process.ts';
import { createPair, haveLinkLocal, inNamespace, ip, ipBatch, linkName, nodeMac, type Pair } from './namespaces.ts';

/** A VIP of each family; no host has it as its own address. */
export const vips = { IPv4: '10.99.3.1' as Ip, IPv6: 'fd99::301' as Ip } as const;

/** The node's own addresses. */
export const own = { IPv4: '10.99.0.2' as Ip, IPv6: 'fd99::2' as Ip } as const;

/** A program in a namespace that serves ports and sends requests. */
export interface Endpoint {
  serve(protocol: 'tcp' | 'udp', port: number, host?: string): Promise<void>;
  ask(protocol: 'tcp' | 'udp', target: Target & { readonly text?: string }): Promise<Answer>;
  /**
   * Sends a request, then a marker request that is certainly answered. The error is `Silent` if
   * only the marker is answered.
   */
  outrun(protocol: 'tcp' | 'udp', target: Target, marker: Omit<Question, 'text'>): Promise<Answer>;
  /** Sends whole frames on the link of the pair. */
  raw(...frames: readonly Uint8Array[]): Promise<void>;
  open(name: string, target: Target): Promise<Answer>;
  say(name: string, text: string, timeoutMs?: number): Promise<Answer>;
  readonly process: LineProcess;
}

let asked = 0;

/** Starts such a program. The caller closes its process. */
export async function startEndpoint(namespace: string): Promise<Endpoint> {
  const process = startLineProcess({ namespace, file: './endpoint-process.ts' });
  const tell = async (command: Record<string, unknown> & Pick<Command, 'do'>) => {
    const id = `answer-${++asked}`;
    return (await process.ask({ id, ...command }, id)) as unknown as Answer;
  };
  await process.next('ready');
  return {
    process,
    serve: async (protocol, port, host) => {
      await tell({ do: 'serve', protocol, port, ...(host === undefined ? {} : { host }) });
    },
    ask: (protocol, target) => tell({ do: 'ask', protocol, text: 'hello', ...target }),
    outrun: (protocol, target, marker) =>
      tell({ do: 'outrun', protocol, text: 'hello', ...target, marker: { text: 'marker', ...marker } }),
    raw: async (...frames) => {
      await tell({ do: 'raw', link: linkName, frames: frames.map((frame) => Buffer.from(frame).toString('hex')) });
    },
    open: (name, target) => tell({ do: 'open', name, ...target }),
    say: (name, text, timeoutMs) => tell({ do: 'say', name, text, timeoutMs }),
  };
}

/** A pair with a program at each end; the client has permanent entries with the node's MAC for the VIPs. */
export interface PathLab extends Pair {
  readonly clientEnd: Endpoint;
  readonly nodeEnd: Endpoint;
}

/** Starts a lab; leaves nothing behind on failure. */
export async function startPathLab(): Promise<PathLab> {
  const pair = createPair({ hasDad: false });
  const ends: Endpoint[] = [];
  const close = () => {
    for (const { process } of ends) process.close();
    pair.close();
  };
  try {
    ip(`-n ${pair.node} link set lo up`);
    ip(`-n ${pair.client} link set lo up`);
    pointTo(pair.client, Object.values(vips), nodeMac);
    ends.push(...(await Promise.all([startEndpoint(pair.client), startEndpoint(pair.node)])));
    await haveLinkLocal([pair.client, pair.node]);
    const [clientEnd, nodeEnd] = ends as [Endpoint, Endpoint];
    return { ...pair, close, clientEnd, nodeEnd };
  } catch (cause) {
    close();
    throw cause;
  }
}

/** Gives a namespace's kernel permanent neighbor entries for these addresses. */
export function pointTo(namespace: string, addresses: readonly string[], mac: string): void {
  ipBatch(
    namespace,
    addresses.map((address) => `neigh replace ${address} lladdr ${mac} dev ${linkName} nud permanent`),
  );
}

/** No VIP is spread. */
export const noSpread: Spread = {
  self: 'node',
  spread: [],
  spreadLinks: [],
  peerMacs: [],
  neighborFor: () => undefined,
};

/** A path of the pair's node, with some facts replaced. */
export function pathOf(facts: Partial<DataPath> = {}): DataPath {
  return {
    nodeAddresses: own,
    vips: [],
    links: [{ name: linkName, addresses: [own.IPv4, own.IPv6], hasVips: true }],
    deadEndpoints: [],
    synLimit: undefined,
    zone: 7932,
    chances: [],
    ...noSpread,
    ...facts,
  };
}

/** A VIP with ports: `tcp/80`, or `tcp/80>30080` if it is rewritten, or `tcp/80>30080 from 10.0.0.0/8,...`. */
export function vipPath(address: string, ...ports: readonly string[]): VipPath {
  return { address: address as Ip, ports: ports.map(portPath) };
}

function portPath(text: string): PortPath {
  const [, protocol, port, nodePort, from] = /^(\w+)\/(\d+)(?:>(\d+))?(?: from (.*))?$/.exec(text) ?? [];
  return {
    protocol: protocol as PortPath['protocol'],
    port: Number(port),
    nodePort: nodePort === undefined ? undefined : Number(nodePort),
    sources: from?.split(',').filter(Boolean),
    sticky: false,
    vacant: false,
    local: undefined,
  };
}

/** Gives commands to nft(8) in a namespace; returns what it prints. */
export function nftIn(namespace: string, commands: string, ...args: readonly string[]): string {
  const words = inNamespace(namespace, 'nft', ...args, '-f', '-');
  return execFileSync(...words, { input: commands, encoding: 'utf8', stdio: 'pipe' });
}

/** Loads the rules of a path into a namespace, in place of earlier rules of ours. */
export function loadPath(namespace: string, path: DataPath): void {
  nftIn(namespace, wholeText(rulesetOf(path)));
}
