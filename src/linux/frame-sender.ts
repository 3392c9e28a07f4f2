/** Sends complete Ethernet frames on one link without waiting: gratuitous ARP from the main thread. */
import { closeSync } from 'node:fs';
import { errnoName, SystemError, sendNow } from './libc.ts';
import { type LinkName, openSendSocket } from './packet-socket.ts';

/** The outcome of a send: `QueueFull`: the queue of the link is full; `LinkDown`; `LinkGone`: the interface was deleted. */
export type SendOutcome = 'Sent' | 'QueueFull' | 'LinkDown' | 'LinkGone';

/** The outcome for each errno. */
const outcomes: Readonly<Record<string, SendOutcome>> = {
  EAGAIN: 'QueueFull',
  ENOBUFS: 'QueueFull',
  ENETDOWN: 'LinkDown',
  ENXIO: 'LinkGone',
  ENODEV: 'LinkGone',
};

/** A socket that sends on one link. */
export interface FrameSender {
  /** Sends a frame, Ethernet header first. Throws an Error with a `code` if the kernel refuses it for another reason than those above. */
  send(frame: Uint8Array): SendOutcome;
  /** Closes the socket. Must be called once. */
  close(): void;
}

/** Opens a sender. Throws an Error with code `EPERM` without the capability NET_RAW, `ENODEV` if there is no such link. */
export function openFrameSender(link: LinkName): FrameSender {
  const fd = openSendSocket(link);
  return {
    send: (frame) => {
      if (sendNow(fd, frame) >= 0) return 'Sent';
      const code = errnoName();
      const outcome = outcomes[code];
      if (outcome === undefined) throw new SystemError('send', code, `cannot send on ${link.name}: ${code}`);
      return outcome;
    },
    close: () => closeSync(fd),
  };
}
