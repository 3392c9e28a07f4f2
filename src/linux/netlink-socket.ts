/** A netlink socket that receives the kernel's messages about links and addresses (netlink(7), rtnetlink(7)). It needs no capability. */
import { closeSync } from 'node:fs';
import { getSystemErrorName } from 'node:util';
import { type DumpKind, decodeNetlink, encodeDumpRequest, type NetlinkMessage } from '../wire/netlink.ts';
import {
  bindSocket,
  connectSocket,
  controlDescriptor,
  errnoName,
  openSocket,
  receiveNow,
  SystemError,
  sendNow,
  setSocketOption,
} from './libc.ts';

/** <sys/socket.h> and <linux/netlink.h>. */
const AF_NETLINK = 16;
const SOCK_RAW = 3;
const NETLINK_ROUTE = 0;
const receiveBuffer = { level: 1, name: 8 } as const;

/** RTMGRP_LINK, RTMGRP_IPV4_IFADDR and RTMGRP_IPV6_IFADDR of rtnetlink(7). */
const groups = 0x1 | 0x10 | 0x100;

/** The requested size. The kernel silently limits it to net.core.rmem_max (socket(7)). */
const receiveBufferBytes = 1 << 20;

/** fcntl(2) and <fcntl.h>. O_NONBLOCK must be set again, because F_SETFL replaces all flags. */
const F_SETFL = 4;
const F_SETOWN = 8;
const O_NONBLOCK = 0o4000;
const O_ASYNC = 0o20000;

/** Larger than any datagram: one of a dump has at most 32 KB, and any other contains one event. */
const datagram = new Uint8Array(1 << 16);

/**
 * The result of `receive`. `None`: nothing is queued. `Lost`: messages were lost, for example because the queue was full (ENOBUFS,
 * netlink(7)). Then only a dump on a new socket gives the current state.
 */
type Received = readonly NetlinkMessage[] | 'None' | 'Lost';

/** An open socket. */
export interface NetlinkSocket {
  /**
   * Makes the kernel send SIGIO whenever there is something to receive (socket(7), "Signals"). The process must have a listener
   * already.
   */
  signal(): void;
  /** Requests a dump. The answer arrives together with events, and ends with a message `End`. */
  request(kind: DumpKind): void;
  /** The messages of the next datagram, without waiting. */
  receive(): Received;
  /** Closes the socket. Must be called once. */
  close(): void;
}

/** Opens a socket that receives all later events. Throws a {@link SystemError} that says what to do. */
export function openNetlinkSocket(): NetlinkSocket {
  const fd = openSubscribed();
  return {
    signal: () => {
      controlDescriptor(fd, F_SETOWN, process.pid);
      controlDescriptor(fd, F_SETFL, O_NONBLOCK | O_ASYNC);
    },
    request: (kind) => {
      if (sendNow(fd, encodeDumpRequest(kind)) < 0) throw new SystemError('send', errnoName());
    },
    receive: () => {
      const length = receiveNow(fd, datagram);
      if (length < 0) return errnoName() === 'EAGAIN' ? 'None' : 'Lost';
      return length > datagram.length ? 'Lost' : decodeNetlink(datagram, length);
    },
    close: () => closeSync(fd),
  };
}

/** The error in a message of the kernel. */
export function netlinkError(errno: number): SystemError {
  return new SystemError('netlink', getSystemErrorName(-errno));
}

function openSubscribed(): number {
  const fd = openRoute();
  try {
    setSocketOption(fd, receiveBuffer, new Uint8Array(Int32Array.of(receiveBufferBytes).buffer));
    bindSocket(fd, netlinkAddress(groups));
    // A connected socket receives messages from the kernel only, not from other processes.
    connectSocket(fd, netlinkAddress(0));
    return fd;
  } catch (cause) {
    closeSync(fd);
    throw cause;
  }
}

function openRoute(): number {
  try {
    return openSocket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  } catch (cause) {
    if (!(cause instanceof SystemError)) throw cause;
    throw new SystemError(
      'socket',
      cause.code,
      `the speaker cannot watch the links of this node: opening a netlink socket failed with ${cause.code}; it needs no ` +
        'capability, but the seccomp profile or security policy of the container must allow sockets of family AF_NETLINK',
    );
  }
}

/** `struct sockaddr_nl` with port 0: the address of the kernel, or of a socket for which the kernel chooses the port. */
function netlinkAddress(group: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(12));
  view.setUint16(0, AF_NETLINK, true);
  view.setUint32(8, group, true);
  return new Uint8Array(view.buffer);
}
