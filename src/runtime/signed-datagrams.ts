/**
 * Signed UDP datagrams: 32 bytes of HMAC-SHA256, then the text. The key file contains one key per line. The first key signs, all keys are
 * accepted (`keyring.ts`). So a key can be changed although the nodes read the file at different times.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { readFile } from 'node:fs/promises';
import { DatagramGuard } from './datagram-guard.ts';
import { Keyring } from './keyring.ts';

/** The options of a socket. */
interface DatagramOptions {
  readonly port: number;
  /** The local address to receive datagrams on; undefined: all. */
  readonly address?: string | undefined;
  /** Path of the key file, which is read again every five seconds. */
  readonly keyFile: string;
  /** Can a text of this form be one of a peer? A cheap check before that of the signature. */
  readonly isPlausible?: (text: Buffer) => boolean;
  /** Is this the address of a known peer? */
  readonly isPeer?: (address: string) => boolean;
  /** Called with the text of each datagram with a valid signature, and with its source address. */
  readonly onText: (text: string, from: string) => void;
  /** Called when the key file has changed and cannot be used, once for each such change. The former keys stay in use. */
  readonly onBadKeys?: (error: Error) => void;
  /** Called when the socket can no longer be used. */
  readonly onFailed: (error: Error) => void;
}

/** The datagrams since the start, by outcome. */
interface DatagramCounters {
  received: number;
  /** Dropped: signed with none of our keys, too short, or one of too many wrong ones from its host. */
  unsigned: number;
  /** Dropped: not of the form that a peer sends. */
  malformed: number;
  /** Dropped: the kernel refused it (no route, no memory), or has not sent the previous one yet. */
  notSent: number;
}

/** An open socket. */
export interface SignedDatagrams {
  readonly counters: Readonly<DatagramCounters>;
  /**
   * Signs and sends the text. A failure is counted, never thrown. A datagram that waits for one address does not delay the others. After
   * `close` nothing is sent.
   */
  send(text: string, addresses: readonly string[]): void;
  /** Closes the sockets, once what was sent has left them. */
  close(): Promise<void>;
}

const macBytes = 32;
const rereadMs = 5_000;

/** Opens the socket. Rejects if the port is in use (`EADDRINUSE`), or if the key file contains no key. */
export async function openDatagrams({
  port,
  address: own,
  keyFile,
  isPlausible = () => true,
  isPeer = () => false,
  onText,
  onBadKeys,
  onFailed,
}: DatagramOptions): Promise<SignedDatagrams> {
  const keyring = new Keyring(await readKeys(keyFile));
  const counters: DatagramCounters = { received: 0, unsigned: 0, malformed: 0, notSent: 0 };
  const guard = new DatagramGuard(isPeer);
  const outcomeOf = (datagram: Buffer, from: string, now: number): keyof DatagramCounters => {
    if (datagram.length <= macBytes) return 'unsigned';
    if (!isPlausible(datagram.subarray(macBytes))) return 'malformed';
    if (!guard.admits(from, now)) return 'unsigned';
    const isSigned = keyring.accepted(now).some((key) => isSignedBy(key, datagram));
    guard.note(from, isSigned);
    return isSigned ? 'received' : 'unsigned';
  };
  const sockets = await bind(port, own);
  for (const socket of sockets) {
    socket.on('error', onFailed);
    socket.on('message', (datagram, { address }) => {
      const from = plain(address);
      const outcome = outcomeOf(datagram, from, performance.now());
      counters[outcome]++;
      if (outcome === 'received') onText(datagram.subarray(macBytes).toString(), from);
    });
  }
  let fault: string | undefined;
  const reread = async () => {
    try {
      keyring.replace(await readKeys(keyFile), performance.now());
      fault = undefined;
    } catch (error) {
      const { message } = error as Error;
      if (message !== fault) onBadKeys?.(error as Error);
      fault = message;
    }
  };
  const timer = setInterval(() => void reread(), rereadMs).unref();
  const senders = new Senders(port, () => counters.notSent++);
  return {
    counters,
    send: (text, addresses) => {
      const body = Buffer.from(text);
      const datagram = Buffer.concat([hmac(keyring.signing(performance.now()), body), body]);
      for (const address of addresses) senders.send(datagram, address);
    },
    close: async () => {
      clearInterval(timer);
      await senders.close();
      for (const socket of sockets.splice(0)) socket.close();
    },
  };
}

/** A socket without use for this time is closed. */
const idleMs = 60_000;
/** At the end, datagrams that are not sent yet get this time at most. */
const farewellMs = 100;

/**
 * One sending socket per address. A datagram to a host that does not answer ARP waits in the kernel for three seconds and occupies the
 * buffer of its socket. With one socket for all addresses, a few dead hosts would block all datagrams, and this node would look dead.
 */
class Senders {
  readonly #port: number;
  readonly #onNotSent: () => void;
  readonly #sockets = new Map<string, { readonly socket: Socket; usedAt: number }>();
  #lookedAt = 0;
  /** Datagrams that the kernel has not accepted yet. */
  #pending = 0;
  #onAllSent: (() => void) | undefined;
  #isClosed = false;

  constructor(port: number, onNotSent: () => void) {
    this.#port = port;
    this.#onNotSent = onNotSent;
  }

  send(datagram: Buffer, address: string): void {
    if (this.#isClosed) return;
    const now = performance.now();
    const sender = this.#sockets.get(address) ?? this.#open(address, now);
    sender.usedAt = now;
    // The waiting datagram is outdated already, and so would be any further one.
    if (sender.socket.getSendQueueCount() > 0) this.#onNotSent();
    else {
      this.#pending++;
      sender.socket.send(datagram, this.#port, address, this.#sent);
    }
    if (now - this.#lookedAt >= idleMs) this.#closeIdle(now);
  }

  /** A socket that is closed drops what it has not sent yet, so that is sent first. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, farewellMs);
    this.#onAllSent = resolve;
    if (this.#pending > 0) await promise;
    clearTimeout(timer);
    for (const address of this.#sockets.keys()) this.#drop(address);
  }

  #sent = (error: Error | null): void => {
    this.#pending--;
    if (error) this.#onNotSent();
    if (this.#pending === 0) this.#onAllSent?.();
  };

  #open(address: string, now: number) {
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
    const sender = { socket, usedAt: now };
    socket.on('error', () => this.#drop(address));
    this.#sockets.set(address, sender);
    return sender;
  }

  #closeIdle(now: number): void {
    this.#lookedAt = now;
    for (const [address, { usedAt }] of this.#sockets) if (now - usedAt >= idleMs) this.#drop(address);
  }

  #drop(address: string): void {
    this.#sockets.get(address)?.socket.close();
    this.#sockets.delete(address);
  }
}

/**
 * A socket for each family, or for IPv4 alone if the kernel has no IPv6. One socket for both would hear IPv6 alone where
 * `net.ipv6.bindv6only` is set (ip-sysctl).
 */
async function bind(port: number, address?: string): Promise<Socket[]> {
  if (address !== undefined) return [await bindAs(address.includes(':') ? 'udp6' : 'udp4', { port, address })];
  const ipv4 = await bindAs('udp4', { port });
  try {
    return [ipv4, await bindAs('udp6', { port })];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAFNOSUPPORT') return [ipv4];
    ipv4.close();
    throw error;
  }
}

function bindAs(type: 'udp4' | 'udp6', to: { readonly port: number; readonly address?: string }): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createSocket({ type, ipv6Only: type === 'udp6' });
    socket.once('error', reject);
    socket.bind(to, () => {
      socket.off('error', reject);
      resolve(socket);
    });
  });
}

/** The keys in the file. Throws if it cannot be read or contains no key. */
async function readKeys(file: string): Promise<readonly Buffer[]> {
  const text = await readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw Object.assign(new Error(`cannot read the key of the speakers' datagrams: ${cause.message}`), {
      code: cause.code,
    });
  });
  const lines = text.split('\n').map((line) => line.trim());
  const keys = lines.filter((line) => line !== '').map((line) => Buffer.from(line, 'base64'));
  if (keys.length === 0 || keys.some((key) => key.length < 16)) {
    throw new Error(`key file ${file}: every line must hold a key of at least 16 bytes in base64`);
  }
  return keys;
}

function isSignedBy(key: Buffer, datagram: Buffer): boolean {
  return timingSafeEqual(hmac(key, datagram.subarray(macBytes)), datagram.subarray(0, macBytes));
}

function hmac(key: Buffer, body: Buffer): Buffer {
  return createHmac('sha256', key).update(body).digest();
}

/** A source address without its link: `fe80::1%eth0`. */
function plain(address: string): string {
  return address.replace(/%.*$/, '');
}
