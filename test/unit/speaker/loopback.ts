/**
 * Speakers in one process. Each has its own loopback address, with real sockets and the same port.
 */
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Ip } from '../../../src/addr/ip.ts';
import type { HolderDecision, Vip } from '../../../src/election/view.ts';
import { decodeMessage, encodeMessage } from '../../../src/liveness/codec.ts';
import {
  type ClaimDelta,
  type Heartbeat,
  type Message,
  noClaims,
  type PeerLink,
  type SpeakerState,
} from '../../../src/liveness/messages.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { Emitter } from '../../../src/runtime/emitter.ts';
import { createLogger, type Logger } from '../../../src/runtime/logger.ts';
import { openDatagrams, type SignedDatagrams } from '../../../src/runtime/signed-datagrams.ts';
import { Hearing } from '../../../src/speaker/announce/hearing.ts';
import { ElectionRunner, newIncarnation } from '../../../src/speaker/election/election-runner.ts';
import { PeerTransport } from '../../../src/speaker/election/peer-transport.ts';
import { wireElection } from '../../../src/speaker/wiring.ts';

/**
 * The time limit for an event on a machine that may be busy. Most events come within milliseconds.
 */
export const soon = { timeoutMs: 5_000, everyMs: 5 } as const;

/** The number of the address of the speaker to which a {@link Partner} answers. */
export const speakerHost = 1;

const key = randomBytes(32).toString('base64');

/** A port, a key file, and addresses that no other process of these tests uses. */
export class Loopback {
  readonly port: number;
  readonly keyFile: string;
  readonly #open: { close(): void }[] = [];

  private constructor(port: number, keyFile: string) {
    this.port = port;
    this.keyFile = keyFile;
  }

  /** Makes a loopback with a free port and a new key file. */
  static async make(): Promise<Loopback> {
    const folder = await mkdtemp(join(tmpdir(), 'berth-loopback-'));
    const keyFile = join(folder, 'keys');
    await writeFile(keyFile, `${key}\n`);
    // The socket is bound to all addresses, so that the port is free on each.
    const socket = createSocket('udp4').bind(0);
    await once(socket, 'listening');
    const { port } = socket.address();
    socket.close();
    const made = new Loopback(port, keyFile);
    made.#open.push({ close: () => void rm(folder, { recursive: true, force: true }) });
    return made;
  }

  /** Registers a part that is closed at the end. */
  keep<T extends { close(): void }>(one: T): T {
    this.#open.push(one);
    return one;
  }

  /** Closes all parts, in reverse order. */
  close(): void {
    for (const one of this.#open.splice(0).reverse()) one.close();
  }

  /** A speaker as it runs on a node, without links, at the address with this number. */
  async speaker(node: string, host: number, log = createLogger('speaker', 'silent')): Promise<Speaker> {
    const speaker = new Speaker(this, { node, host }, log);
    await speaker.transport.open();
    this.keep({ close: () => speaker.close() });
    return speaker;
  }

  /** A partner of speakers, which sends only what the test sets. */
  async partner(node: string, host: number): Promise<Partner> {
    const partner = new Partner(node);
    const { port, keyFile } = this;
    const onFailed = (error: Error) => {
      throw error;
    };
    const onText = (text: string) => partner.receive(text);
    partner.datagrams = this.keep(await openDatagrams({ port, address: addressOf(host), keyFile, onText, onFailed }));
    return partner;
  }
}

/** A loopback address. Two of its bytes come from the id of this process. */
export function addressOf(host: number): string {
  return `127.${1 + ((process.pid >> 8) % 250)}.${process.pid & 255}.${host}`;
}

/** A VIP that only these nodes may hold. */
export function vipFor(nodes: readonly string[], i = 0): Vip {
  const address = `192.0.${2 + (i >> 8)}.${i & 255}` as Ip;
  return {
    uid: `uid-${i}`,
    address,
    eligible: new Set(nodes),
    serves: () => true,
    linksOf: () => ['eth0'],
    recorded: undefined,
  };
}

/** A real {@link ElectionRunner} on real sockets. */
export class Speaker {
  readonly runner: ElectionRunner;
  readonly transport: PeerTransport;
  #isOpen = true;

  constructor({ port, keyFile }: Loopback, { node, host }: Place, log: Logger) {
    this.transport = new PeerTransport({ log, port, keyFile, address: addressOf(host) });
    this.transport.failed.to((error) => {
      throw error;
    });
    this.runner = new ElectionRunner({
      ...{ node, incarnation: newIncarnation(), claims: [], workerAgeMs: () => 0 },
      ports: { clock: systemClock, send: this.transport.send, probe: () => [] },
    });
    const silent = { stalled: new Emitter(), repeat: () => undefined };
    wireElection({ announcer: silent, hearing: new Hearing(), runner: this.runner, transport: this.transport });
  }

  get decisions(): readonly HolderDecision[] {
    return this.runner.decisions;
  }

  /**
   * Sets the VIPs and the nodes, each at the address with its number. The link `lo` has all
   * addresses of this machine.
   */
  observe(vips: readonly Vip[], nodes: Readonly<Record<string, number>>): void {
    const names = Object.keys(nodes);
    this.transport.observe({
      addresses: new Map(Object.entries(nodes).map(([name, host]) => [name, [addressOf(host)]])),
      linkTo: () => 'lo',
    });
    this.runner.observe({ vips, nodes: new Map(names.map((name) => [name, { draining: false }])), links: [] });
  }

  /** The VIPs that the speaker holds. */
  get held(): readonly string[] {
    return this.decisions.filter(({ action }) => action.kind === 'Hold').map(({ vip }) => vip.uid);
  }

  async close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.runner.close();
    await this.transport.close();
  }
}

interface Place {
  readonly node: string;
  readonly host: number;
}

/**
 * Answers each heartbeat of the first speaker with a heartbeat. It requests no claims, and makes
 * none.
 */
export class Partner {
  readonly node: string;
  datagrams: SignedDatagrams | undefined;
  /** All messages that the partner has received, in order. */
  readonly heard: Message[] = [];
  isSilent = false;
  state: SpeakerState = 'Serving';
  links: readonly PeerLink[] = [];
  /** The longest text that the partner has received. */
  longest = '';
  #sequence = 0;

  constructor(node: string) {
    this.node = node;
  }

  /** Receives a datagram. */
  receive(text: string): void {
    if (text.length > this.longest.length) this.longest = text;
    const message = decodeMessage(text);
    if (message === undefined) throw new Error(`unreadable datagram: ${text}`);
    this.heard.push(message);
    if (message.kind === 'Heartbeat' && !this.isSilent) this.#answer(message);
  }

  /** The heartbeats that the partner has received. */
  get heartbeats(): readonly Heartbeat[] {
    return this.heard.filter((message) => message.kind === 'Heartbeat');
  }

  /** The deltas of claims that the partner has received. */
  get claims(): readonly ClaimDelta[] {
    return this.heard.filter((message) => message.kind === 'Claims');
  }

  #answer({ from }: Heartbeat): void {
    const { node, state, links } = this;
    const heartbeat: Heartbeat = {
      ...{ kind: 'Heartbeat', from: { node, incarnation: '2'.repeat(16) }, to: { ...from, newest: from.incarnation } },
      ...{ sequence: ++this.#sequence, rules: 1, state, nextMs: 100, ages: { loop: 0, worker: 0 } },
      ...{ links, heard: [], total: noClaims, wantsClaims: false },
    };
    this.datagrams?.send(encodeMessage(heartbeat), [addressOf(speakerHost)]);
  }
}
