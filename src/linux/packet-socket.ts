/** AF_PACKET sockets (packet(7)) bound to one link: one kind receives the frames that a filter accepts, the other only sends. */
import { closeSync } from 'node:fs';
import { addressOf, bindSocket, getSocketOption, openSocket, SystemError, setSocketOption } from './libc.ts';
import type { FrameFilter } from './socket-filter.ts';

/** The link that a socket is bound to. */
export interface LinkName {
  readonly name: string;
  readonly index: number;
}

/** <sys/socket.h> and <linux/if_packet.h>. */
const AF_PACKET = 17;
const SOCK_RAW = 3;
const receiveBuffer = { level: 1, name: 8 } as const;
const attachFilter = { level: 1, name: 26 } as const;
const packetStatistics = { level: 263, name: 6 } as const;

/** The requested size. The kernel silently limits it to net.core.rmem_max (socket(7)). */
const receiveBufferBytes = 1 << 20;

/**
 * Opens a socket that receives the frames of a link that a filter accepts. The filter is attached before the socket is bound, and the
 * protocol is 0 until then, so no frame of another link or VLAN is ever queued (packet(7)). Throws an Error with a `code`: `EPERM` without
 * the capability NET_RAW, `ENODEV` if the link is gone.
 */
export function openReceiveSocket(link: LinkName, { protocol, program }: FrameFilter): number {
  return openBound(link, protocol, (fd) => {
    setFilter(fd, { program });
    setSocketOption(fd, receiveBuffer, new Uint8Array(Int32Array.of(receiveBufferBytes).buffer));
  });
}

/** Replaces the filter of such a socket, in one step. Throws a SystemError. */
export function setFilter(fd: number, { program }: Pick<FrameFilter, 'program'>): void {
  setSocketOption(fd, attachFilter, filterProgram(program));
}

/** Opens a socket that sends on a link and receives nothing, because its protocol stays 0. Throws like {@link openReceiveSocket}. */
export function openSendSocket(link: LinkName): number {
  return openBound(link, 0, () => undefined);
}

/** Opens and closes a packet socket, to check at the start whether this process may open one. Throws `EPERM` if not. */
export function assertMayOpen(): void {
  closeSync(openRaw('the links of this node'));
}

/** The frames that the kernel dropped since the last call because this socket's queue was full (PACKET_STATISTICS). */
export function readQueueDrops(fd: number): number {
  const statistics = new Uint32Array(2);
  getSocketOption(fd, packetStatistics, new Uint8Array(statistics.buffer));
  return statistics[1] ?? 0;
}

function openBound(link: LinkName, protocol: number, prepare: (fd: number) => void): number {
  const fd = openRaw(link.name);
  try {
    prepare(fd);
    bindSocket(fd, linkAddress(link.index, protocol));
    return fd;
  } catch (cause) {
    closeSync(fd);
    throw withLinkName(link, cause);
  }
}

function openRaw(where: string): number {
  try {
    return openSocket(AF_PACKET, SOCK_RAW, 0);
  } catch (cause) {
    if (!(cause instanceof SystemError) || cause.code !== 'EPERM') throw cause;
    throw new SystemError(
      'socket',
      'EPERM',
      `the speaker needs the capability NET_RAW to open a packet socket on ${where}: ` +
        'add NET_RAW to securityContext.capabilities.add of its container',
    );
  }
}

function withLinkName(link: LinkName, cause: unknown): unknown {
  if (!(cause instanceof SystemError)) return cause;
  return new SystemError(cause.syscall, cause.code, `packet socket on ${link.name}: ${cause.message}`);
}

/** `struct sockaddr_ll`. sll_protocol is in network byte order (packet(7)). */
function linkAddress(index: number, protocol: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(20));
  view.setUint16(0, AF_PACKET, true);
  view.setUint16(2, protocol, false);
  view.setInt32(4, index, true);
  return new Uint8Array(view.buffer);
}

/** `struct sock_fprog`. The kernel copies the program, so `program` need not exist after the call. */
function filterProgram(program: ArrayBuffer): Uint8Array {
  const view = new DataView(new ArrayBuffer(16));
  view.setUint16(0, program.byteLength / 8, true);
  view.setBigUint64(8, addressOf(program), true);
  return new Uint8Array(view.buffer);
}
