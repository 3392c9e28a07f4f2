/** Carries the messages of the election between the speakers: signed datagrams to the addresses of each node. */
import { isLinkLocal } from '../../addr/ip.ts';
import { decodeMessage, encodeMessage, messageStart } from '../../liveness/codec.ts';
import type { Message } from '../../liveness/messages.ts';
import { Emitter } from '../../runtime/emitter.ts';
import type { Logger } from '../../runtime/logger.ts';
import { openDatagrams, type SignedDatagrams } from '../../runtime/signed-datagrams.ts';

/** Where to listen. */
export interface PeerTransportOptions {
  readonly log: Pick<Logger, 'info' | 'warn'>;
  readonly port: number;
  /** The address of this node to listen on; undefined: all. */
  readonly address?: string;
  /** File with the keys of the datagrams. */
  readonly keyFile: string;
}

/** The addresses of the nodes, and the subnets of this one. */
interface Neighborhood {
  /** Addresses of each node that runs a speaker. */
  readonly addresses: ReadonlyMap<string, readonly string[]>;
  /** The name of the link whose subnet an address is in; undefined where a router is between. */
  readonly linkTo: (address: string) => string | undefined;
}

/** The path of a datagram that came through a router. */
const routed = 'routed';
const start = Buffer.from(messageStart);
/** At most this many nodes without an object are answered. */
const mostUnknown = 100;
/** A speaker of version 0.2.0 on a node with a hundred links of Pods sends heartbeats of 11 kB. */
const mostBytes = 16_384;

function isPlausible(text: Buffer): boolean {
  return text.length <= mostBytes && text.subarray(0, start.length).equals(start);
}

/** The sockets and the codec. */
export class PeerTransport {
  /** A message arrived on a path: the name of a link, or `routed`. */
  readonly received = new Emitter<[message: Message, path: string]>();
  /** The socket failed, and cannot be used any more. */
  readonly failed = new Emitter<[error: Error]>();
  readonly #options: PeerTransportOptions;
  #datagrams: SignedDatagrams | undefined;
  #neighborhood: Neighborhood = { addresses: new Map(), linkTo: () => undefined };
  #peerAddresses: ReadonlySet<string> = new Set();
  /** Where nodes that the cluster's objects do not have sent from. */
  readonly #heardFrom = new Map<string, string>();
  #unreadable = 0;

  constructor(options: PeerTransportOptions) {
    this.#options = options;
  }

  /** Opens the socket. Rejects if the port is in use or there is no key. */
  async open(): Promise<void> {
    const { log, port, address, keyFile } = this.#options;
    const onBadKeys = (error: Error) =>
      log.warn({ err: error, file: keyFile }, 'the new key file cannot be used: the former keys stay in use');
    const checks = { isPlausible, isPeer: (from: string) => this.#peerAddresses.has(from) };
    const events = { onText: this.#receive, onBadKeys, onFailed: this.failed.emit };
    this.#datagrams = await openDatagrams({ port, address, keyFile, ...checks, ...events });
  }

  /** Sets the addresses of the nodes. */
  observe(neighborhood: Neighborhood): void {
    this.#neighborhood = neighborhood;
    this.#peerAddresses = new Set([...neighborhood.addresses.values()].flat());
  }

  /**
   * Sends a message to a node: to its addresses in the cluster, and to those of its link addresses that are in a subnet of this node. A node
   * without an object is answered where it sent from: the list of nodes may be old. The message is lost if the socket is not open.
   */
  send = (node: string, message: Message, onLinks: readonly string[]): void => {
    const { addresses, linkTo } = this.#neighborhood;
    // A link-local address is of no use without its link.
    const reachable = onLinks.filter((address) => !isLinkLocal(address) && linkTo(address) !== undefined);
    const heardFrom = this.#heardFrom.get(node);
    const known = addresses.get(node) ?? (heardFrom === undefined ? [] : [heardFrom]);
    this.#datagrams?.send(encodeMessage(message), [...new Set([...known, ...reachable])]);
  };

  /** The number of datagrams, by outcome. */
  get counts(): Readonly<Record<string, number>> {
    const { malformed = 0, ...counters } = this.#datagrams?.counters ?? {};
    return { ...counters, Unreadable: this.#unreadable + malformed };
  }

  /** Closes the socket. */
  async close(): Promise<void> {
    await this.#datagrams?.close();
    this.#options.log.info(this.counts, 'liveness datagrams by outcome');
  }

  #receive = (text: string, from: string): void => {
    const message = decodeMessage(text);
    if (message === undefined) {
      this.#unreadable++;
      return;
    }
    this.#noteSource(message.from.node, from);
    this.received.emit(message, this.#neighborhood.linkTo(from) ?? routed);
  };

  #noteSource(node: string, from: string): void {
    this.#heardFrom.delete(node);
    if (this.#neighborhood.addresses.has(node) || isLinkLocal(from)) return;
    this.#heardFrom.set(node, from);
    for (const oldest of this.#heardFrom.keys()) if (this.#heardFrom.size > mostUnknown) this.#heardFrom.delete(oldest);
  }
}
