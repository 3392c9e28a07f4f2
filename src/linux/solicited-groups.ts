/**
 * Membership in the solicited-node groups of IPv6 VIPs. The kernel reports it to the switches (MLD, RFC 3810), again whenever the link comes
 * up, and makes the link's hardware accept the frames of the groups, which the packet sockets then receive. Without membership, a switch
 * with MLD snooping (RFC 4541) does not forward solicitations to this node.
 */
import { closeSync } from 'node:fs';
import { familyOf, type Ip } from '../addr/ip.ts';
import { readInt32 } from '../wire/ethernet.ts';
import { ipv6Length, solicitedNodeGroup } from '../wire/ipv6.ts';
import { openSocket, SystemError, setSocketOption } from './libc.ts';
import type { LinkName } from './packet-socket.ts';
import type { LinkFailure } from './worker/responder-messages.ts';
import type { LinkVips } from './worker/responder-thread.ts';

/** <sys/socket.h> and <linux/in6.h>. */
const AF_INET6 = 10;
const SOCK_DGRAM = 2;
const addMembership = { level: 41, name: 20 } as const;
const dropMembership = { level: 41, name: 21 } as const;

/** The most time per turn of the event loop. The kernel searches all groups of the link at each join, so 10,000 joins take seconds. */
const turnMs = 10;

/** The group to join for a VIP on a link. */
interface Membership {
  readonly link: LinkName;
  readonly vip: Ip;
  /** The sixteen bytes of the group. */
  readonly group: Uint8Array;
}

/** A membership that is in effect while its socket is open. */
interface Joined extends Membership {
  readonly socket: GroupSocket;
}

/** The option memory of a socket limits its memberships (net.core.optmem_max): by default 2,340, before Linux 6.7 365. */
interface GroupSocket {
  readonly fd: number;
  full: boolean;
}

/** Owns the sockets of all memberships. */
export class SolicitedGroups {
  readonly #onFailed: (failure: LinkFailure) => void;
  readonly #joined = new Map<string, Joined>();
  readonly #sockets: GroupSocket[] = [];
  /** The groups that must still be joined, and those that must be left. */
  #waiting: (readonly [string, Membership])[] = [];
  #leaving: (readonly [string, Joined])[] = [];
  #turn: NodeJS.Immediate | undefined;

  /** `onFailed` is called for a link whose groups cannot be joined. The next `apply` with this link tries again. */
  constructor(onFailed: (failure: LinkFailure) => void) {
    this.#onFailed = onFailed;
  }

  /** Sets the complete desired state; idempotent. Groups are left first. What takes longer than one turn continues in later turns. */
  apply(desired: readonly LinkVips[]): void {
    const wanted = membershipsOf(desired);
    this.#leaving = [...this.#joined].filter(([key]) => !wanted.has(key));
    // Groups are taken from the end of the list, so the groups of the first VIPs are joined first.
    this.#waiting = [...wanted].filter(([key]) => !this.#joined.has(key)).reverse();
    this.#work();
  }

  /** Leaves all groups. */
  close(): void {
    clearImmediate(this.#turn);
    for (const { fd } of this.#sockets.splice(0)) closeSync(fd);
    this.#joined.clear();
  }

  #work = (): void => {
    clearImmediate(this.#turn);
    const untilMs = performance.now() + turnMs;
    while (performance.now() < untilMs) if (!this.#step()) return;
    this.#turn = setImmediate(this.#work);
  };

  /** Makes one change. False if nothing is left to do. */
  #step(): boolean {
    const gone = this.#leaving.pop();
    if (gone !== undefined) this.#leave(...gone);
    else {
      const next = this.#waiting.pop();
      if (next === undefined) return false;
      this.#join(...next);
    }
    return true;
  }

  #join(key: string, membership: Membership): void {
    const { link, vip } = membership;
    try {
      this.#joined.set(key, { ...membership, socket: this.#joinAnywhere(requestFor(membership)) });
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      this.#waiting = this.#waiting.filter(([, other]) => other.link.index !== link.index);
      const message = `cannot join the solicited-node group of ${vip} on ${link.name}: ${error.message}`;
      this.#onFailed({ link: link.name, code: error.code, message });
    }
  }

  /** Joins on the first socket with room, or on a new one. */
  #joinAnywhere(request: Uint8Array): GroupSocket {
    for (const socket of this.#sockets) if (!socket.full && joinOn(socket, request)) return socket;
    const socket = { fd: openSocket(AF_INET6, SOCK_DGRAM, 0), full: false };
    this.#sockets.push(socket);
    if (joinOn(socket, request)) return socket;
    throw new SystemError('setsockopt', 'ENOMEM');
  }

  #leave(key: string, joined: Joined): void {
    this.#joined.delete(key);
    joined.socket.full = false;
    try {
      setSocketOption(joined.socket.fd, dropMembership, requestFor(joined));
    } catch (error) {
      // The membership may have ended with its link.
      if (!(error instanceof SystemError)) throw error;
    }
  }
}

/** The groups to join: each one once per link, however many VIPs share it. */
function membershipsOf(desired: readonly LinkVips[]): ReadonlyMap<string, Membership> {
  const memberships = desired.flatMap(({ link, vips, standIns = [] }) =>
    [...vips, ...standIns.map(({ vip }) => vip)]
      .filter((vip) => familyOf(vip) === 'IPv6')
      .map((vip) => ({ link, vip, group: solicitedNodeGroup(vip) })),
  );
  return new Map(memberships.map((one) => [keyOf(one), one]));
}

/** The key of a membership. Groups differ in their last 32 bits only. */
function keyOf({ link, group }: Membership): string {
  return `${link.index} ${readInt32(group, ipv6Length - 4)}`;
}

/** Joins on this socket. False if it has no room. */
function joinOn(socket: GroupSocket, request: Uint8Array): boolean {
  try {
    setSocketOption(socket.fd, addMembership, request);
    return true;
  } catch (error) {
    if (!(error instanceof SystemError) || error.code !== 'ENOMEM') throw error;
    socket.full = true;
    return false;
  }
}

/** `struct ipv6_mreq` (ipv6(7)). */
function requestFor({ link, group }: Membership): Uint8Array {
  const view = new DataView(new ArrayBuffer(ipv6Length + 4));
  view.setInt32(ipv6Length, link.index, true);
  const request = new Uint8Array(view.buffer);
  request.set(group);
  return request;
}
