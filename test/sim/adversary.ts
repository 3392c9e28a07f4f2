/**
 * A host on the wire that is no node. It knows no key, so it cannot make a datagram. It can send the datagrams that it has seen again, at any
 * time, on any path and to any node. And it can claim an address.
 */
import type { Random } from './random.ts';
import type { Schedule } from './schedule.ts';
import type { Datagram, SimSpeaker } from './speaker.ts';

/** The parts that the host works with. */
export interface AdversaryParts {
  readonly schedule: Schedule;
  readonly random: Random;
  readonly speakers: ReadonlyMap<string, SimSpeaker>;
  /** By uid: the VIPs that it answers for, with its hardware address. */
  readonly strangers: Map<string, string>;
}

interface Captured {
  readonly to: string;
  readonly datagram: Datagram;
}

/** The number of datagrams that it keeps, old ones and new ones. */
const mostCaptured = 400;
const mac = '02:99:00:00:00:01';
/** Paths on which a datagram may come: links, routers, and one that no speaker knows. */
const paths = ['internal', 'eth0', 'routed', 'another'];

/** The host. */
export class Adversary {
  readonly #parts: AdversaryParts;
  readonly #captured: Captured[] = [];
  #seen = 0;

  constructor(parts: AdversaryParts) {
    this.#parts = parts;
  }

  /** Sees a datagram. The count decides which ones it keeps, and not chance: so a seed without replays runs as it does without this host. */
  see = (to: string, datagram: Datagram): void => {
    const i = this.#seen++;
    if (i < mostCaptured) this.#captured.push({ to, datagram });
    else if (i % 7 === 0) this.#captured[(i / 7) % mostCaptured] = { to, datagram };
  };

  /** Sends captured datagrams again, one every few milliseconds for a while. */
  replay(forMs: number): void {
    const { schedule, random, speakers } = this.#parts;
    const names = [...speakers.keys()];
    for (let at = 0; at < forMs; at += random.between(5, 50)) {
      schedule.in(at, () => {
        if (this.#captured.length === 0) return;
        const { to, datagram } = random.pick(this.#captured);
        speakers.get(random.chance(0.8) ? to : random.pick(names))?.receive(datagram, random.pick(paths));
      });
    }
  }

  /** Claims a VIP for a while: by gratuitous frames to all nodes, and by answers to probes. */
  claim(uid: string, address: string, forMs: number): void {
    const { schedule, random, speakers, strangers } = this.#parts;
    strangers.set(uid, mac);
    schedule.in(forMs, () => strangers.delete(uid));
    for (let at = 0; at < forMs; at += random.between(20, 300)) {
      schedule.in(at, () => {
        for (const speaker of speakers.values()) speaker.heardOnWire(address, mac);
      });
    }
  }
}
