/** The user's side: what the lab's client host gets from an address. */
import assert from 'node:assert/strict';
import type { Lab, LabHost } from '../../lab/cluster.ts';

/** A port of an address. */
export interface Target {
  readonly address: string;
  /** 80 when none is given. */
  readonly port?: number;
}

/** How an attempt to connect ends. */
export type Outcome = 'Answered' | 'Refused' | 'Dropped' | 'Unreachable';

/** Exit code of curl(1) when its time is up. */
const timeoutCode = 28;

/** So long an answer is waited for. */
const answerSeconds = 2;

/** Longer than that, as a node's kernel tells a client once a second at most that nobody is there (icmp_ratelimit). */
const refusalSeconds = 8;

/** What a path gives to whoever asks from a host; throws when there is no answer within two seconds. */
export async function get(host: LabHost, target: Target, path = '/hostname'): Promise<string> {
  const { code, stdout, stderr } = await host.exec(curl([`${url(target)}${path}`]));
  assert.equal(code, 0, stderr);
  return stdout;
}

/** Which answers so many new connections from a host get. */
export async function answers(
  host: LabHost,
  target: Target,
  { connections = 20, path = '/hostname' } = {},
): Promise<ReadonlySet<string>> {
  const urls = `${url(target)}${path}?[1-${connections}]`;
  const { code, stdout, stderr } = await host.exec(curl(['-H', 'Connection: close', '-w', '\\n', urls]));
  assert.equal(code, 0, stderr);
  return new Set(stdout.split('\n').filter((line) => line !== ''));
}

/** How an attempt to connect ends; a refusal is waited for where it is expected. */
export async function outcome(host: LabHost, target: Target, expected?: Outcome): Promise<Outcome> {
  const seconds = expected === 'Refused' ? refusalSeconds : answerSeconds;
  const { code, stderr } = await host.exec(curl(['-v', '--max-time', `${seconds}`, `${url(target)}/hostname`]));
  if (code === 0) return 'Answered';
  if (code === timeoutCode) return 'Dropped';
  return stderr.includes('Connection refused') ? 'Refused' : 'Unreachable';
}

/** What an endpoint of agnhost's UDP server answers to the client; throws when there is no answer within two seconds. */
export async function askUdp(lab: Lab, target: Target, text = 'hostname'): Promise<string> {
  const program = new URL('ask-udp.ts', import.meta.url).pathname;
  const { address, port = 80 } = target;
  const { code, stdout, stderr } = await lab.client.exec([process.execPath, program, address, `${port}`, text]);
  assert.equal(code, 0, `no answer over UDP from ${address}, port ${port}: ${stderr}`);
  return stdout;
}

/** The address of whoever said this, of `address:port`. */
export function withoutPort(text: string): string {
  return text.replace(/^\[?(.*?)\]?:\d+$/, '$1');
}

function curl(args: readonly string[]): readonly string[] {
  // Parallel transfers would share connections.
  return ['curl', '-sS', '--fail', '--max-time', `${answerSeconds}`, ...args];
}

/** What curl(1) takes. */
export function url({ address, port = 80 }: Target): string {
  // Brackets and ranges are curl's own wildcards: the address's brackets are the only ones that it takes as they are.
  return `http://${address.includes(':') ? `[${address}]` : address}:${port}`;
}
