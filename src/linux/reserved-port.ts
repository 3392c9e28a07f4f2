/** A TCP port that is reserved on this host, and on which no program listens. */
import { closeSync } from 'node:fs';
import { bindSocket, openSocket, readSocketAddress, SystemError, setSocketOption } from './libc.ts';

/** <sys/socket.h>. */
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
/** IPPROTO_IPV6 and IPV6_V6ONLY of ipv6(7). */
const ipv6Only = { level: 41, name: 26 } as const;

/** Bytes of `struct sockaddr_in6` and of `struct sockaddr_in`. The port has the same offset in both. */
const addressBytes = { [AF_INET6]: 28, [AF_INET]: 16 } as const;
const portAt = 2;

/** A port that is reserved until it is closed. */
export interface ReservedPort {
  readonly port: number;
  /** Releases the port. Must be called once. */
  close(): void;
}

/**
 * Reserves a port of both families, or of IPv4 alone if the kernel has no IPv6. The socket is bound and does not listen, so for the kernel
 * there is no connection, and it answers every segment to the port with RST (RFC 9293 section 3.10.7.1). The kernel chooses the port from
 * ip_local_port_range.
 */
export function reserveTcpPort(): ReservedPort {
  try {
    return reserve(AF_INET6);
  } catch (error) {
    if (!(error instanceof SystemError) || !['EAFNOSUPPORT', 'EADDRNOTAVAIL'].includes(error.code)) throw error;
    return reserve(AF_INET);
  }
}

function reserve(family: keyof typeof addressBytes): ReservedPort {
  const fd = openSocket(family, SOCK_STREAM, 0);
  try {
    if (family === AF_INET6) setSocketOption(fd, ipv6Only, new Uint8Array(Int32Array.of(0).buffer));
    const view = new DataView(new ArrayBuffer(addressBytes[family]));
    const address = new Uint8Array(view.buffer);
    // The family, then zeros: any address, any port.
    view.setUint16(0, family, true);
    bindSocket(fd, address);
    readSocketAddress(fd, address);
    return { port: view.getUint16(portAt, false), close: () => closeSync(fd) };
  } catch (cause) {
    closeSync(fd);
    throw cause;
  }
}
