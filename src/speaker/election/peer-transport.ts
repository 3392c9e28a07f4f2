/** Carries the messages of the election between the speakers: signed datagrams to the addresses that each node has. */
import { isLinkLocal } from '../../addr/ip.ts';
import { decodeMessage, encodeMessage } from '../../liveness/codec.ts';
import type { Message } from '../../liveness/messages.ts';
import { Emitter } from '../../runtime/emitter.ts';
import type { Logger } from '../../runtime/logger.ts';
import { openDatagrams, type SignedDatagrams } from '../../runtime/signed-datagrams.ts';

/** Where to listen. */
export interface PeerTransportOptions {
  readonly log: Pick<Logger, 'info'>;
  readonly port: number;
  /** The address of this node to listen on; undefined: all. */
  readonly address?: string;
  /** File with the keys of the datagrams. */
  readonly keyFile: string;
}

/** Where the nodes are, and which subnets this one is in. */
export interface Neighborhood {
  /** Addresses of each node that runs a speaker. */
  readonly addresses: ReadonlyMap<string, readonly string[]>;
  /** The name of the link whose subnet an address is in; undefined where a router is between. */
  readonly linkTo: (address: string) => string | undefined;
}

/** The path of what came through a router. */
const routed = 'routed';

/** The sockets and the codec. */
export class PeerTransport {
  /** A message came, on a path: the name of a link, or `routed`. */
  readonly received = new Emitter<[message: Message, path: string]>();
  /** The socket is of no more use. */
  readonly failed = new Emitter<[error: Error]>();
  readonly #options: PeerTransportOptions;
  #datagrams: SignedDatagrams | undefined;
  #neighborhood: Neighborhood = { addresses: new Map(), linkTo: () => undefined };
  #unreadable = 0;

  constructor(options: PeerTransportOptions) {
    this.#options = options;
  }

  /** Opens the socket. Rejects where the port is taken or there is no key. */
  async open(): Promise<void> {
    const { port, address, keyFile } = this.#options;
    const onFailed = this.failed.emit;
    this.#datagrams = await openDatagrams({ port, address, keyFile, onFailed, onText: this.#receive });
  }

  /** Where the nodes are now. */
  observe(neighborhood: Neighborhood): void {
    this.#neighborhood = neighborhood;
  }

  /**
   * Sends a message to a node: to its addresses in the cluster, and to those that it has on its links where this node is on the same one.
   * It is lost where the socket is not open.
   */
  send = (node: string, message: Message, onLinks: readonly string[]): void => {
    const { addresses, linkTo } = this.#neighborhood;
    // A link-local address says nothing without the link.
    const reachable = onLinks.filter((address) => !isLinkLocal(address) && linkTo(address) !== undefined);
    this.#datagrams?.send(encodeMessage(message), [...new Set([...(addresses.get(node) ?? []), ...reachable])]);
  };

  /** What became of the datagrams that never were a message. */
  get counts(): Readonly<Record<string, number>> {
    return { ...this.#datagrams?.counters, Unreadable: this.#unreadable };
  }

  /** Closes the socket. */
  close(): void {
    this.#datagrams?.close();
    this.#options.log.info(this.counts, 'liveness datagrams');
  }

  #receive = (text: string, from: string): void => {
    const message = decodeMessage(text);
    if (message === undefined) this.#unreadable++;
    else this.received.emit(message, this.#neighborhood.linkTo(from) ?? routed);
  };
}
