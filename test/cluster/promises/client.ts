/** The user's side: what the lab's client host gets from an address. */
import assert from 'node:assert/strict';
import type { Lab, LabHost } from '../../lab/cluster.ts';
import { askerOf } from '../../probe/asker.ts';
import type { Reply } from '../../probe/asks.ts';

/** A port of an address. */
export interface Target {
  readonly address: string;
  /** 80 when none is given. */
  readonly port?: number;
}

/** How an attempt to connect ends. */
export type Outcome = 'Answered' | 'Refused' | 'Dropped' | 'Unreachable';

/** So long an answer is waited for. */
const answerMs = 2_000;

/** Longer than that, as a node's kernel tells a client once a second at most that nobody is there (icmp_ratelimit). */
const refusalMs = 8_000;

/** What a path gives to a host that asks; throws when there is no answer within two seconds. */
export async function get(host: LabHost, target: Target, path = '/hostname'): Promise<string> {
  const [reply] = await ask(host, target, { path });
  return bodyOf(reply, target);
}

/** Which answers so many new connections from a host get. */
export async function answers(
  host: LabHost,
  target: Target,
  { connections = 20, path = '/hostname' } = {},
): Promise<ReadonlySet<string>> {
  const replies = await ask(host, target, { path, connections });
  assert.equal(replies.length, connections);
  return new Set(replies.map((reply) => bodyOf(reply, target).trim()));
}

/** The HTTP status that a path gives to a host that asks; undefined when there is no answer within two seconds. */
export async function statusOf(host: LabHost, target: Target, path: string): Promise<number | undefined> {
  const [reply] = await ask(host, target, { path });
  return reply !== undefined && 'status' in reply ? reply.status : undefined;
}

/** How an attempt to connect ends; a refusal is waited for where it is expected. */
export async function outcome(host: LabHost, target: Target, expected?: Outcome): Promise<Outcome> {
  const timeoutMs = expected === 'Refused' ? refusalMs : answerMs;
  const [reply] = await ask(host, target, { timeoutMs });
  if (reply === undefined) throw new Error('nothing came of it');
  if ('status' in reply) return isSuccess(reply.status) ? 'Answered' : 'Unreachable';
  if (reply.failed === 'timeout') return 'Dropped';
  return reply.failed === 'ECONNREFUSED' ? 'Refused' : 'Unreachable';
}

/** What an endpoint of agnhost's UDP server answers to the client; throws when there is no answer within two seconds. */
export async function askUdp(lab: Lab, target: Target, text = 'hostname'): Promise<string> {
  const { address, port = 80 } = target;
  const reply = await askerOf(lab.client).udp({ address, port, text, timeoutMs: answerMs });
  if ('failed' in reply) throw new Error(`no answer over UDP from ${address}, port ${port}: ${reply.failed}`);
  return reply.body;
}

/** The address in `address:port`. */
export function withoutPort(text: string): string {
  return text.replace(/^\[?(.*?)\]?:\d+$/, '$1');
}

/** What curl(1) takes. */
export function url({ address, port = 80 }: Target): string {
  // Brackets and ranges are curl's own wildcards: the address's brackets are the only ones that it takes as they are.
  return `http://${address.includes(':') ? `[${address}]` : address}:${port}`;
}

function ask(
  host: LabHost,
  { address, port = 80 }: Target,
  { path = '/hostname', connections = 1, timeoutMs = answerMs } = {},
): Promise<readonly Reply[]> {
  return askerOf(host).http({ address, port, path, connections, timeoutMs });
}

function bodyOf(reply: Reply | undefined, { address, port = 80 }: Target): string {
  if (reply === undefined) throw new Error('nothing came of it');
  if ('failed' in reply) throw new Error(`no answer from ${address}, port ${port}: ${reply.failed}`);
  if (!isSuccess(reply.status)) throw new Error(`${address}, port ${port}: HTTP ${reply.status}`);
  return reply.body;
}

function isSuccess(status: number): boolean {
  return status >= 200 && status < 400;
}
