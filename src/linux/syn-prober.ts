/**
 * Knocks at ports by raw frames: one SYN to a hardware address, and whatever comes back says that somebody is there. No socket of the kernel
 * takes part, so neither its routes nor kube-proxy's rules on this host do; a connection never comes to be, and what
 * was half open is reset at once.
 */
import { closeSync } from 'node:fs';
import { type Family, familyOf, type Ip } from '../addr/ip.ts';
import { decodeTcp, encodeTcp, type TcpFrame, tcpFlag } from '../wire/tcp.ts';
import { errnoName, receiveNow, sendNow } from './libc.ts';
import { type LinkName, openReceiveSocket } from './packet-socket.ts';
import { type ReservedPort, reserveTcpPort } from './reserved-port.ts';
import { tcpToPort } from './socket-filter.ts';

/** The link that is knocked on. */
export interface ProbeLink extends LinkName {
  readonly mac: string;
}

/** Whom to knock at. */
export interface SynProbe {
  readonly link: ProbeLink;
  /** An address of this host on the link. */
  readonly source: Ip;
  /** The hardware address to send to. */
  readonly mac: string;
  readonly address: Ip;
  readonly port: number;
}

/** What a knocker tells its owner. */
export interface SynProberOptions {
  /** Something came back from there: SYN-ACK, or RST. */
  readonly onAnswer: (address: Ip) => void;
  /** Nothing is sent or heard on a link: the next knock opens it anew. */
  readonly onFault: (link: string, error: unknown) => void;
}

interface OpenLink {
  readonly name: string;
  readonly fd: number;
}

/** A row of knocks: every one of them is the same SYN, so an answer to any is one to all. */
interface Row extends SynProbe {
  readonly sequence: number;
  until: number;
  isAnswered: boolean;
}

/** How often the sockets are looked at while an answer may come. */
const lookMs = 10;
/** An answer comes within this time or not at all. */
const answerMs = 2_000;
/** So long after the first answer others are still reset. */
const lastWordsMs = 100;
/** Frames that are read from a socket at one time: others have the main thread too. */
const mostAtOnce = 64;
/** What the kernel says when there is nothing to read, or no room to send: it passes by itself. */
const passing: ReadonlySet<string> = new Set(['EAGAIN', 'ENOBUFS', 'EINTR']);
const window = 1_024;

/** Owns the port and, for each link and family that was knocked on, a packet socket. */
export class SynProber {
  readonly #options: SynProberOptions;
  readonly #links = new Map<string, OpenLink>();
  readonly #rows = new Map<Ip, Row>();
  readonly #bytes = new Uint8Array(128);
  #reserved: ReservedPort | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: SynProberOptions) {
    this.#options = options;
  }

  /** Sends one SYN. The next one to the same address and port is the same segment again, until there was an answer. */
  probe(knock: SynProbe): void {
    const before = this.#rows.get(knock.address);
    const goesOn = before !== undefined && !before.isAnswered && before.port === knock.port && before.mac === knock.mac;
    const sequence = goesOn ? before.sequence : (crypto.getRandomValues(new Uint32Array(1))[0] ?? 0);
    const row: Row = { ...knock, sequence, until: performance.now() + answerMs, isAnswered: false };
    this.#rows.set(knock.address, row);
    this.#send(row, { flags: tcpFlag.synchronize, sequence });
    this.#timer ??= setTimeout(this.#look, lookMs);
  }

  /** Closes the sockets of all other links. */
  keepOnly(links: readonly LinkName[]): void {
    const kept = new Set(links.flatMap((link) => [keyOf(link, 'IPv4'), keyOf(link, 'IPv6')]));
    for (const key of this.#links.keys()) if (!kept.has(key)) this.#drop(key);
  }

  /** Closes everything. */
  close(): void {
    clearTimeout(this.#timer);
    this.keepOnly([]);
    this.#reserved?.close();
  }

  #look = (): void => {
    this.#timer = undefined;
    for (const [key, link] of this.#links) this.#read(key, link);
    const now = performance.now();
    for (const [address, { until }] of this.#rows) if (until <= now) this.#rows.delete(address);
    if (this.#rows.size > 0) this.#timer = setTimeout(this.#look, lookMs);
  };

  #read(key: string, { name, fd }: OpenLink): void {
    for (let i = 0; i < mostAtOnce; i++) {
      const length = receiveNow(fd, this.#bytes);
      if (length >= 0) {
        // A longer frame holds data, and answers nothing of ours.
        const packet = decodeTcp(this.#bytes, length);
        if (typeof packet !== 'string') this.#take(packet);
        continue;
      }
      const code = errnoName();
      if (!passing.has(code)) this.#failed(key, name, new Error(`packet socket on ${name}: ${code}`));
      return;
    }
  }

  #take({ sourceIp, sourcePort, destinationIp, flags, acknowledgment }: TcpFrame): void {
    const row = this.#rows.get(sourceIp);
    if (row === undefined || row.port !== sourcePort || row.source !== destinationIp) return;
    if ((flags & tcpFlag.acknowledge) === 0 || acknowledgment !== (row.sequence + 1) >>> 0) return;
    const isSynAck = (flags & tcpFlag.synchronize) !== 0;
    if (!isSynAck && (flags & tcpFlag.reset) === 0) return;
    // The kernel resets what it knows nothing of, unless a firewall of this host keeps the answer from it.
    if (isSynAck) this.#send(row, { flags: tcpFlag.reset, sequence: acknowledgment });
    if (row.isAnswered) return;
    row.isAnswered = true;
    row.until = Math.min(row.until, performance.now() + lastWordsMs);
    this.#options.onAnswer(sourceIp);
  }

  #send({ link, source, mac, address, port }: Row, segment: Pick<TcpFrame, 'flags' | 'sequence'>): void {
    const key = keyOf(link, familyOf(address));
    try {
      this.#reserved ??= reserveTcpPort();
      const { fd } = this.#links.get(key) ?? this.#open(key, link, familyOf(address));
      const frame = encodeTcp({
        ...{ destination: mac, source: link.mac, sourceIp: source, destinationIp: address },
        ...{ sourcePort: this.#reserved.port, destinationPort: port, acknowledgment: 0, window, ...segment },
      });
      if (sendNow(fd, frame) >= 0) return;
      const code = errnoName();
      if (!passing.has(code)) throw new Error(`cannot send on ${link.name}: ${code}`);
    } catch (error) {
      this.#failed(key, link.name, error);
    }
  }

  #open(key: string, link: LinkName, family: Family): OpenLink {
    const port = this.#reserved?.port ?? 0;
    const open = { name: link.name, fd: openReceiveSocket(link, tcpToPort(port, family)) };
    this.#links.set(key, open);
    return open;
  }

  #failed(key: string, link: string, error: unknown): void {
    this.#drop(key);
    this.#options.onFault(link, error);
  }

  #drop(key: string): void {
    const open = this.#links.get(key);
    this.#links.delete(key);
    if (open) closeSync(open.fd);
  }
}

function keyOf({ index, name }: LinkName, family: Family): string {
  return `${index} ${name} ${family}`;
}
