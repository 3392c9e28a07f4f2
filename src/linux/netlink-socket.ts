/** A socket that hears what the kernel says about links and addresses (netlink(7), rtnetlink(7)). Needs no capability. */
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

/** Asks for this much; the kernel caps it at net.core.rmem_max without a word (socket(7)). */
const receiveBufferBytes = 1 << 20;

/** fcntl(2) and <fcntl.h>; O_NONBLOCK because F_SETFL sets all flags anew. */
const F_SETFL = 4;
const F_SETOWN = 8;
const O_NONBLOCK = 0o4000;
const O_ASYNC = 0o20000;

/** The kernel fills a datagram of a dump with 32 KB at most, and puts one event into each of the others. */
const datagram = new Uint8Array(1 << 16);

/**
 * What `receive` found: `None` nothing is queued; `Lost` messages were lost, as when the queue was full (ENOBUFS, netlink(7)):
 * only a dump on a new socket tells what they said.
 */
export type Received = readonly NetlinkMessage[] | 'None' | 'Lost';

/** An open socket. */
export interface NetlinkSocket {
  /** From now on SIGIO comes when there is something to receive (socket(7), "Signals"). It must be listened to already. */
  signal(): void;
  /** Asks for all links, or for all addresses: the answer is received together with events, up to a message `End`. */
  request(kind: DumpKind): void;
  /** The messages of the next datagram, without waiting. */
  receive(): Received;
  /** Closes the socket; to be called once. */
  close(): void;
}

/** Opens a socket that hears all events from now on; throws a {@link SystemError} that says what to do about it. */
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

/** The error that the kernel put into a message. */
export function netlinkError(errno: number): SystemError {
  return new SystemError('netlink', getSystemErrorName(-errno));
}

function openSubscribed(): number {
  const fd = openRoute();
  try {
    setSocketOption(fd, receiveBuffer, new Uint8Array(Int32Array.of(receiveBufferBytes).buffer));
    bindSocket(fd, netlinkAddress(groups));
    // A connected socket takes messages from the kernel only, not from other processes.
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

/** `struct sockaddr_nl` of the kernel (port 0), or of a socket that the kernel is to find a port for. */
function netlinkAddress(group: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(12));
  view.setUint16(0, AF_NETLINK, true);
  view.setUint32(8, group, true);
  return new Uint8Array(view.buffer);
}
