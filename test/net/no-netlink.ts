/** Fixture: Berth's program under a seccomp filter that forbids netlink sockets, as a container's policy may. */
import koffi from 'koffi';
import { addressOf } from '../../src/linux/libc.ts';

const prctl = koffi.load(null).func('int prctl(int option, ...)');

/** PR_SET_NO_NEW_PRIVS and PR_SET_SECCOMP of prctl(2), SECCOMP_MODE_FILTER. */
const [noNewPrivileges, setSeccomp, filterMode] = [38, 22, 2];
/** The number of socket(2), AF_NETLINK, SECCOMP_RET_ERRNO with EACCES, SECCOMP_RET_ALLOW. */
const [socket, netlink, deny, allow] = [process.arch === 'arm64' ? 198 : 41, 16, 0x0005000d, 0x7fff0000];

/**
 * `struct sock_filter`: code, jump, operand. The loads read `struct seccomp_data`: the number of
 * the call, its first argument.
 */
const [load, jumpUnlessEqual, result] = [0x20, 0x15, 0x06];
const program: readonly (readonly [number, number, number])[] = [
  [load, 0, 0],
  [jumpUnlessEqual, 3, socket],
  [load, 0, 16],
  [jumpUnlessEqual, 1, netlink],
  [result, 0, deny],
  [result, 0, allow],
];

const filter = new DataView(new ArrayBuffer(8 * program.length));
for (const [i, [code, otherwise, operand]] of program.entries()) {
  filter.setUint16(8 * i, code, true);
  filter.setUint8(8 * i + 3, otherwise);
  filter.setUint32(8 * i + 4, operand, true);
}
const description = new DataView(new ArrayBuffer(16));
description.setUint16(0, program.length, true);
description.setBigUint64(8, addressOf(filter.buffer), true);

const none = ['unsigned long', 0] as const;
const steps = [
  prctl(noNewPrivileges, 'unsigned long', 1, ...none, ...none, ...none),
  prctl(setSeccomp, 'unsigned long', filterMode, 'void *', new Uint8Array(description.buffer)),
];
if (steps.some((outcome) => outcome !== 0)) throw new Error('no seccomp filter');
await import('../../src/main.ts');
