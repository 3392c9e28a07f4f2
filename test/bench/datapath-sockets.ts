/** Blocking TCP sockets, as C programs use them. Node's own event loop would take longer than what is measured. */
import { closeSync } from 'node:fs';
import { getSystemErrorName } from 'node:util';
import koffi from 'koffi';

const libc = koffi.load(null);
const socketFn = libc.func('int socket(int domain, int type, int protocol)');
const bindFn = libc.func('int bind(int fd, void *address, unsigned int length)');
const listenFn = libc.func('int listen(int fd, int backlog)');
const acceptFn = libc.func('int accept(int fd, void *address, void *length)');
const connectFn = libc.func('int connect(int fd, void *address, unsigned int length)');
const setsockoptFn = libc.func('int setsockopt(int fd, int level, int name, void *value, unsigned int length)');
const sendFn = libc.func('long send(int fd, void *bytes, size_t length, int flags)');
const recvFn = libc.func('long recv(int fd, void *bytes, size_t length, int flags)');

const [AF_INET, SOCK_STREAM, MSG_NOSIGNAL] = [2, 1, 0x4000];
/** Levels and names of socket options: SO_REUSEADDR, SO_RCVTIMEO, SO_SNDTIMEO, TCP_NODELAY. */
const options = { reuse: [1, 2], receiveTimeout: [1, 20], sendTimeout: [1, 21], noDelay: [6, 1] } as const;
const timeoutSeconds = 3;

/** The first byte of a connection is the request: send everything back, or send as much as the client reads. */
export const wish = { echo: 1, download: 2 } as const;

/** Opens a server that accepts one connection after another. */
export function listen(port: number): () => Connection {
  const fd = checked('socket', socketFn(AF_INET, SOCK_STREAM, 0));
  set(fd, 'reuse', Int32Array.of(1));
  const address = addressOf('0.0.0.0', port);
  checked('bind', bindFn(fd, address, address.length));
  checked('listen', listenFn(fd, 128));
  return () => new Connection(checked('accept', acceptFn(fd, null, null)));
}

/** Opens a connection. Throws if it is not established within {@link timeoutSeconds}. */
export function connect(host: string, port: number): Connection {
  const fd = checked('socket', socketFn(AF_INET, SOCK_STREAM, 0));
  const connection = new Connection(fd);
  const address = addressOf(host, port);
  if (connectFn(fd, address, address.length) < 0) {
    const error = failure('connect');
    connection.close();
    throw error;
  }
  return connection;
}

/** One connection. Every call waits for at most {@link timeoutSeconds}. */
export class Connection {
  readonly #fd: number;

  constructor(fd: number) {
    this.#fd = fd;
    const timeout = BigInt64Array.of(BigInt(timeoutSeconds), 0n);
    set(fd, 'receiveTimeout', timeout);
    set(fd, 'sendTimeout', timeout);
    set(fd, 'noDelay', Int32Array.of(1));
  }

  /** Sends bytes. Returns -1 or a smaller number than `length` on failure. */
  send(bytes: Uint8Array, length = bytes.length): number {
    return sendFn(this.#fd, bytes, length, MSG_NOSIGNAL);
  }

  /** Waits for bytes. Returns their number, 0 at the end of the stream, -1 on failure. */
  receive(into: Uint8Array): number {
    return recvFn(this.#fd, into, into.length, 0);
  }

  /** Closes the connection. */
  close(): void {
    closeSync(this.#fd);
  }
}

function set(fd: number, option: keyof typeof options, value: ArrayBufferView): void {
  const [level, name] = options[option];
  checked('setsockopt', setsockoptFn(fd, level, name, value, value.byteLength));
}

/** struct sockaddr_in: the family in host byte order, the port in network byte order. */
function addressOf(host: string, port: number): Uint8Array {
  return Uint8Array.of(AF_INET, 0, port >> 8, port & 255, ...host.split('.').map(Number), ...new Uint8Array(8));
}

function checked(call: string, result: number): number {
  if (result < 0) throw failure(call);
  return result;
}

function failure(call: string): Error {
  return new Error(`${call}: ${getSystemErrorName(-koffi.errno())}`);
}
