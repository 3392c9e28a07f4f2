/**
 * Probes TCP ports by raw frames: it sends a SYN to a hardware address, and any answer proves that the data path works. No TCP socket of the
 * kernel takes part, so this host's routes and kube-proxy's rules do not apply. No connection is established: a half-open one is reset at
 * once.
 */
import { closeSync } from 'node:fs';
import { type Family, familyOf, type Ip } from '../addr/ip.ts';
import { decodeTcp, encodeTcp, type TcpFrame, tcpFlag } from '../wire/tcp.ts';
import { errnoName, receiveNow, sendNow } from './libc.ts';
import { type LinkName, openReceiveSocket, setFilter } from './packet-socket.ts';
import { type ReservedPort, reserveTcpPort } from './reserved-port.ts';
import { type FrameFilter, tcpToPort } from './socket-filter.ts';

/** The link on which probes are sent. */
interface ProbeLink extends LinkName {
  readonly mac: string;
}

/** The target of a probe. */
export interface SynProbe {
  readonly link: ProbeLink;
  /** An address of this host on the link. */
  readonly source: Ip;
  /** The hardware address to send to. */
  readonly mac: string;
  readonly address: Ip;
  readonly port: number;
}

/** The callbacks of a prober. */
interface SynProberOptions {
  /** An answer arrived from this address: SYN-ACK or RST. */
  readonly onAnswer: (address: Ip) => void;
  /** The socket of a link failed. The next probe opens a new one. */
  readonly onFault: (link: string, error: unknown) => void;
}

interface OpenLink {
  readonly name: string;
  readonly family: Family;
  readonly fd: number;
}

/** A series of probes. All of them are the same SYN, so one answer is enough. */
interface ProbeSeries extends SynProbe {
  readonly sourcePort: number;
  readonly sequence: number;
  until: number;
  isAnswered: boolean;
}

/** How often the sockets are read while an answer may arrive. */
const pollMs = 10;
/** How long an answer is awaited. */
const answerMs = 2_000;
/**
 * A source port is in use for this long. With one port for ever, each probe would keep the connection alive that the holder's kernel tracks
 * since the first one, and that may lead to a Pod that is gone.
 */
const portMs = answerMs;
/** For this time after the first answer, further answers are still reset. */
const lateAnswersMs = 100;
/** The most frames that are read from a socket in one turn, so that the main thread is not blocked. */
const mostAtOnce = 64;
/** Temporary errors: nothing to read, or no room to send. */
const temporary: ReadonlySet<string> = new Set(['EAGAIN', 'ENOBUFS', 'EINTR']);
const window = 1_024;

/** Owns the reserved ports, and a packet socket for each probed link and family. */
export class SynProber {
  readonly #options: SynProberOptions;
  readonly #links = new Map<string, OpenLink>();
  readonly #series = new Map<Ip, ProbeSeries>();
  readonly #bytes = new Uint8Array(128);
  #reserved: ReservedPort | undefined;
  #reservedAt = 0;
  /** Answers may still arrive at the port before. */
  #former: ReservedPort | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: SynProberOptions) {
    this.#options = options;
  }

  /**
   * Sends one SYN. Until an answer arrives, the next probe of the same address and port soon after sends the same segment. Returns whether it
   * was sent.
   */
  probe(probe: SynProbe): boolean {
    const sourcePort = this.#sourcePort(probe.link.name);
    if (sourcePort === undefined) return false;
    const before = this.#series.get(probe.address);
    const isSame = before?.port === probe.port && before.mac === probe.mac && before.sourcePort === sourcePort;
    const goesOn = isSame && !before.isAnswered;
    const sequence = goesOn ? before.sequence : (crypto.getRandomValues(new Uint32Array(1))[0] ?? 0);
    const until = performance.now() + answerMs;
    const series: ProbeSeries = { ...probe, sourcePort, sequence, until, isAnswered: false };
    this.#series.set(probe.address, series);
    const isSent = this.#send(series, { flags: tcpFlag.synchronize, sequence });
    this.#timer ??= setTimeout(this.#poll, pollMs);
    return isSent;
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
    this.#former?.close();
  }

  /** The source port of new series; undefined: none can be reserved now. The links receive at it, and at the one before. */
  #sourcePort(link: string): number | undefined {
    const now = performance.now();
    if (this.#reserved !== undefined && now - this.#reservedAt < portMs) return this.#reserved.port;
    try {
      const next = reserveTcpPort();
      this.#former?.close();
      this.#former = this.#reserved;
      this.#reserved = next;
      this.#reservedAt = now;
    } catch (error) {
      this.#options.onFault(link, error);
      return this.#reserved?.port;
    }
    for (const [key, { name, family, fd }] of this.#links) {
      try {
        setFilter(fd, this.#filterOf(family));
      } catch (error) {
        this.#failed(key, name, error);
      }
    }
    return this.#reserved.port;
  }

  #filterOf(family: Family): FrameFilter {
    const port = this.#reserved?.port ?? 0;
    return tcpToPort(port, family, this.#former?.port ?? port);
  }

  #poll = (): void => {
    this.#timer = undefined;
    for (const [key, link] of this.#links) this.#read(key, link);
    const now = performance.now();
    for (const [address, { until }] of this.#series) if (until <= now) this.#series.delete(address);
    if (this.#series.size > 0) this.#timer = setTimeout(this.#poll, pollMs);
  };

  #read(key: string, { name, fd }: OpenLink): void {
    for (let i = 0; i < mostAtOnce; i++) {
      const length = receiveNow(fd, this.#bytes);
      if (length >= 0) {
        // A longer frame contains data, so it is not an answer to a probe.
        const packet = decodeTcp(this.#bytes, length);
        if (typeof packet !== 'string') this.#handleAnswer(packet);
        continue;
      }
      const code = errnoName();
      if (!temporary.has(code)) this.#failed(key, name, new Error(`packet socket on ${name}: ${code}`));
      return;
    }
  }

  #handleAnswer({ sourceIp, sourcePort, destinationIp, destinationPort, flags, acknowledgment }: TcpFrame): void {
    const series = this.#series.get(sourceIp);
    if (series === undefined || series.port !== sourcePort || series.source !== destinationIp) return;
    if (series.sourcePort !== destinationPort) return;
    if ((flags & tcpFlag.acknowledge) === 0 || acknowledgment !== (series.sequence + 1) >>> 0) return;
    const isSynAck = (flags & tcpFlag.synchronize) !== 0;
    if (!isSynAck && (flags & tcpFlag.reset) === 0) return;
    // The kernel also resets an unknown connection, unless a firewall of this host drops the answer.
    if (isSynAck) this.#send(series, { flags: tcpFlag.reset, sequence: acknowledgment });
    if (series.isAnswered) return;
    series.isAnswered = true;
    series.until = Math.min(series.until, performance.now() + lateAnswersMs);
    this.#options.onAnswer(sourceIp);
  }

  #send(
    { link, source, sourcePort, mac, address, port }: ProbeSeries,
    segment: Pick<TcpFrame, 'flags' | 'sequence'>,
  ): boolean {
    const key = keyOf(link, familyOf(address));
    try {
      const { fd } = this.#links.get(key) ?? this.#open(key, link, familyOf(address));
      const frame = encodeTcp({
        ...{ destination: mac, source: link.mac, sourceIp: source, destinationIp: address },
        ...{ sourcePort, destinationPort: port, acknowledgment: 0, window, ...segment },
      });
      if (sendNow(fd, frame) >= 0) return true;
      const code = errnoName();
      if (!temporary.has(code)) throw new Error(`cannot send on ${link.name}: ${code}`);
    } catch (error) {
      this.#failed(key, link.name, error);
    }
    return false;
  }

  #open(key: string, link: LinkName, family: Family): OpenLink {
    const open = { name: link.name, family, fd: openReceiveSocket(link, this.#filterOf(family)) };
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
