/** The libc functions that Node.js does not offer, called through koffi. Layouts are those of 64-bit little-endian Linux. */
import { getSystemErrorName } from 'node:util';
import koffi from 'koffi';

/** The libc that Node.js was linked with: glibc or musl. */
const libc = koffi.load(null);

const socketFn = libc.func('int socket(int domain, int type, int protocol)');
const bindFn = libc.func('int bind(int fd, void *address, unsigned int length)');
const connectFn = libc.func('int connect(int fd, void *address, unsigned int length)');
const getsocknameFn = libc.func('int getsockname(int fd, void *address, void *length)');
const fcntlFn = libc.func('int fcntl(int fd, int command, ...)');
const setsockoptFn = libc.func('int setsockopt(int fd, int level, int name, void *value, unsigned int length)');
const getsockoptFn = libc.func('int getsockopt(int fd, int level, int name, void *value, void *length)');
const eventfdFn = libc.func('int eventfd(unsigned int initial, int flags)');
const sendFn = libc.func('long send(int fd, void *bytes, size_t length, int flags)');
const recvFn = libc.func('long recv(int fd, void *bytes, size_t length, int flags)');
const pollFn = libc.func('int poll(void *fds, unsigned long count, int timeout)');
const recvmmsgFn = libc.func('int recvmmsg(int fd, void *messages, unsigned int count, int flags, void *timeout)');
const sendmmsgFn = libc.func('int sendmmsg(int fd, void *messages, unsigned int count, int flags)');

const madviseFn = libc.func('int madvise(uintptr_t start, size_t length, int advice)');

/** SOCK_CLOEXEC and EFD_CLOEXEC, SOCK_NONBLOCK and EFD_NONBLOCK: O_CLOEXEC and O_NONBLOCK of open(2). */
const closeOnExec = 0o2000000;
const nonBlocking = 0o4000;

/** MSG_DONTWAIT and MSG_TRUNC of recv(2). */
const dontWait = 0x40;
const realLength = 0x20;

/** A system call failed. `code` is the name of the errno, such as `EPERM`. */
export class SystemError extends Error {
  readonly code: string;
  readonly syscall: string;

  constructor(syscall: string, code: string, message = `${syscall}: ${code}`) {
    super(message);
    this.name = 'SystemError';
    this.code = code;
    this.syscall = syscall;
  }
}

/** The name of the last error of this thread, such as `ENETDOWN`. Must be called directly after the call that failed. */
export function errnoName(): string {
  return getSystemErrorName(-koffi.errno());
}

/** The result of a call. Throws a {@link SystemError} if it is -1. */
function checked(syscall: string, result: number): number {
  if (result < 0) throw new SystemError(syscall, errnoName());
  return result;
}

/** socket(2), non-blocking and close-on-exec; `protocol` in network byte order. Close it with `closeSync` of node:fs. */
export function openSocket(domain: number, type: number, protocol: number): number {
  return checked('socket', socketFn(domain, type | closeOnExec | nonBlocking, protocol));
}

/** bind(2). The address has the kernel's layout. */
export function bindSocket(fd: number, address: Uint8Array): void {
  checked('bind', bindFn(fd, address, address.byteLength));
}

/** connect(2). The address has the kernel's layout. */
export function connectSocket(fd: number, address: Uint8Array): void {
  checked('connect', connectFn(fd, address, address.byteLength));
}

/** getsockname(2). Fills `address`. */
export function readSocketAddress(fd: number, address: Uint8Array): void {
  checked('getsockname', getsocknameFn(fd, address, Uint32Array.of(address.byteLength)));
}

/** fcntl(2) with a numeric argument. */
export function controlDescriptor(fd: number, command: number, argument: number): void {
  checked('fcntl', fcntlFn(fd, command, 'int', argument));
}

/** A socket option, by level and name. */
interface SocketOption {
  readonly level: number;
  readonly name: number;
}

/** setsockopt(2). */
export function setSocketOption(fd: number, { level, name }: SocketOption, value: Uint8Array): void {
  checked('setsockopt', setsockoptFn(fd, level, name, value, value.byteLength));
}

/** getsockopt(2). Fills `value`. */
export function getSocketOption(fd: number, { level, name }: SocketOption, value: Uint8Array): void {
  checked('getsockopt', getsockoptFn(fd, level, name, value, Uint32Array.of(value.byteLength)));
}

/** eventfd(2), non-blocking. Read and write it with node:fs. */
export function openEventFd(): number {
  return checked('eventfd', eventfdFn(0, closeOnExec | nonBlocking));
}

/** send(2) without waiting. Returns -1 on failure, see {@link errnoName}. */
export function sendNow(fd: number, bytes: Uint8Array): number {
  return sendFn(fd, bytes, bytes.byteLength, dontWait);
}

/**
 * recv(2) without waiting. Returns the length of the datagram, which may exceed `bytes`, or -1 on failure, see {@link errnoName}.
 */
export function receiveNow(fd: number, bytes: Uint8Array): number {
  return recvFn(fd, bytes, bytes.byteLength, dontWait | realLength);
}

/** poll(2) of a `struct pollfd` array, which it fills. Returns how many descriptors are ready, 0 on timeout. */
export function poll(fds: Int32Array, timeoutMs: number): number {
  const ready = pollFn(fds, fds.length / pollFdWords, timeoutMs);
  // A signal may end the wait early (signal(7)). This is no error: the caller polls again anyway.
  return ready < 0 && errnoName() === 'EINTR' ? 0 : checked('poll', ready);
}

/** 32-bit words of a `struct pollfd`: the descriptor, then events and revents of 16 bits each. */
export const pollFdWords = 2;

/** POLLIN, for the low half of the second word. The high half contains revents. */
export const pollIn = 0x001;

/** recvmmsg(2) without waiting into `struct mmsghdr`s. Returns how many were filled, or -1 on failure, see {@link errnoName}. */
export function receiveMessages(fd: number, messages: Uint8Array, count: number): number {
  return recvmmsgFn(fd, messages, count, dontWait, null);
}

/**
 * sendmmsg(2) without waiting of the first `count` `struct mmsghdr`s. Returns how many were sent, or -1 on failure, see {@link
 * errnoName}.
 */
export function sendMessages(fd: number, messages: Uint8Array, count: number): number {
  return sendmmsgFn(fd, messages, count, dontWait);
}

/** The address of a buffer's memory. V8 never moves it while the ArrayBuffer exists. */
export function addressOf(memory: ArrayBuffer): bigint {
  return koffi.address(memory);
}

/** madvise(2) for memory of this process. Some advice discards its content, so the caller must know the mapping. */
export function adviseMemory(start: bigint, length: number, advice: number): void {
  checked('madvise', madviseFn(start, length, advice));
}
