/** The user's side: requests from a host of the lab to an address, and their results. */
import assert from 'node:assert/strict';
import type { Lab, LabHost } from '../../lab/cluster.ts';
import { askerOf } from '../../probe/asker.ts';
import type { Reply } from '../../probe/asks.ts';

/** A port of an address. */
export interface Target {
  readonly address: string;
  /** 80 if absent. */
  readonly port?: number;
}

/** How an attempt to connect ends. */
export type Outcome = 'Answered' | 'Refused' | 'Dropped' | 'Unreachable';

/** How long a request waits for an answer. */
const answerMs = 2_000;

/** How long a request waits for a refusal: a node's kernel sends a client at most one refusal a second (icmp_ratelimit). */
const refusalMs = 8_000;

/** Requests a path from a host, and returns the body. Throws if there is no answer within two seconds. */
export async function get(host: LabHost, target: Target, path = '/hostname'): Promise<string> {
  const [reply] = await ask(host, target, { path });
  return bodyOf(reply, target);
}

/** The different answers to new connections from a host. */
export async function answers(
  host: LabHost,
  target: Target,
  { connections = 20, path = '/hostname' } = {},
): Promise<ReadonlySet<string>> {
  const replies = await ask(host, target, { path, connections });
  assert.equal(replies.length, connections);
  return new Set(replies.map((reply) => bodyOf(reply, target).trim()));
}

/** Requests a path from a host, and returns the HTTP status. Undefined if there is no answer within two seconds. */
export async function statusOf(host: LabHost, target: Target, path: string): Promise<number | undefined> {
  const [reply] = await ask(host, target, { path });
  return reply !== undefined && 'status' in reply ? reply.status : undefined;
}

/** How an attempt to connect ends. Waits longer if a refusal is expected. */
export async function outcome(host: LabHost, target: Target, expected?: Outcome): Promise<Outcome> {
  const timeoutMs = expected === 'Refused' ? refusalMs : answerMs;
  const [reply] = await ask(host, target, { timeoutMs });
  if (reply === undefined) throw new Error('the request has no result');
  if ('status' in reply) return isSuccess(reply.status) ? 'Answered' : 'Unreachable';
  if (reply.failed === 'timeout') return 'Dropped';
  return reply.failed === 'ECONNREFUSED' ? 'Refused' : 'Unreachable';
}

/** The answer of agnhost's UDP server to the client. Throws if there is no answer within two seconds. */
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

/** A target as a URL for curl(1). */
export function url({ address, port = 80 }: Target): string {
  // Brackets are curl's own wildcards. Only the brackets around an IPv6 address have their usual meaning.
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
  if (reply === undefined) throw new Error('the request has no result');
  if ('failed' in reply) throw new Error(`no answer from ${address}, port ${port}: ${reply.failed}`);
  if (!isSuccess(reply.status)) throw new Error(`${address}, port ${port}: HTTP ${reply.status}`);
  return reply.body;
}

function isSuccess(status: number): boolean {
  return status >= 200 && status < 400;
}
