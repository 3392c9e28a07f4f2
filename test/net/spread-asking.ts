/** Requests of the client in a `Spread` lab, and which node has served them. */
import assert from 'node:assert/strict';
import type { SlotTable } from '../../src/dataplane/plan/slots.ts';
import type { DataPath } from '../../src/dataplane/plan/spec.ts';
import { loadPath, vips } from './path-lab.ts';
import * as lab from './spread-lab.ts';
import { type families, type Host, hosts, tableIn } from './spread-lab.ts';

const { client, a, b } = hosts;

/** The protocols of requests. */
export const protocols = ['tcp', 'udp'] as const;
type Family = (typeof families)[number];
type Protocol = (typeof protocols)[number];

/** Loads the same table on all nodes. */
export function loadTable(table: SlotTable, facts: Partial<DataPath> & { readonly sticky?: boolean } = {}): void {
  for (const node of [a, b]) loadPath(node.name, lab.spreadPath(node, table, facts));
}

/** By how much the counters of both nodes, of the client and of the bridge grow during `work`. */
export async function gained({ bridge }: lab.SpreadLab, work: () => Promise<unknown>) {
  const read = () => [a.name, b.name, client.name, bridge].map((name) => lab.countersOf(name));
  const before = read();
  await work();
  const [atA = {}, atB = {}, atClient = {}, onBridge = {}] = read().map((now, i) =>
    Object.fromEntries(Object.entries(now).map(([name, packets]) => [name, packets - (before[i]?.[name] ?? 0)])),
  );
  return { atA, atB, atClient, onBridge };
}

/** Below the kernel's ephemeral ports. */
let lastPort = 20_000;

/** A port of the client that was not used before. */
export function nextPort(): number {
  return ++lastPort;
}

/** The client's requests, several at once. */
export interface Questions {
  readonly protocol: Protocol;
  readonly family: Family;
  readonly times?: number;
  readonly text?: string;
}

/**
 * Sends several requests at once, each from its own port. Gives the node that has served each one,
 * and asserts that only that node has answered.
 */
export async function servedBy(
  { clientEnd }: lab.SpreadLab,
  { protocol, family, times = 1, text = 'hello' }: Questions,
): Promise<readonly { readonly node: string; readonly port: number }[]> {
  const ports = Array.from({ length: times }, () => nextPort());
  const target = { host: vips[family], port: 80, text };
  const answers = await Promise.all(ports.map((localPort) => clientEnd.ask(protocol, { ...target, localPort })));
  for (const { text: heard, error } of answers) {
    assert.equal(heard, `${client[family]} ${text}`, `${protocol} ${family}: ${error}`);
  }
  const [atA, atB, atClient] = [a, b, client].map(({ name }) => lab.portsIn(name, family));
  const [servedAtA, servedAtB] = [atA, atB].map((node) => node?.[`${protocol}_served`]);
  const answeredBy = (node: Host, port: number) => atClient?.[`${tableIn[family]}_from_${node.node}`]?.has(port);
  return ports.map((port) => {
    const counts = [servedAtA?.get(port) ?? 0, servedAtB?.get(port) ?? 0];
    const [node, other] = counts[0] === 1 ? [a, b] : [b, a];
    assert.deepEqual(counts, node === a ? [1, 0] : [0, 1], 'one node serves it');
    assert.ok(answeredBy(node, port), 'that node answers by itself');
    assert.ok(!answeredBy(other, port), 'and no other node does');
    return { node: node.node, port };
  });
}

/** The nodes that have served these requests, each named once. */
export async function nodesFor(...question: Parameters<typeof servedBy>): Promise<readonly string[]> {
  return [...new Set((await servedBy(...question)).map(({ node }) => node))];
}
