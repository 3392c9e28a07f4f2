/**
 * A host on the network that is no node. It has no key, so it cannot make a datagram. It can resend the datagrams that it has seen, at any
 * time, on any path and to any node. It can also claim an address.
 */
import type { ApiVip } from './api.ts';
import type { Random } from './random.ts';
import type { Schedule } from './schedule.ts';
import type { Datagram, SimSpeaker } from './speaker.ts';

/** The parts that the host works with. */
export interface AdversaryParts {
  readonly schedule: Schedule;
  readonly random: Random;
  readonly speakers: ReadonlyMap<string, SimSpeaker>;
  /** The VIPs that it answers for, by uid, with its hardware address. */
  readonly strangers: Map<string, string>;
}

interface Captured {
  readonly to: string;
  readonly datagram: Datagram;
}

/** The number of datagrams that it keeps, old ones and new ones. */
const mostCaptured = 400;
const mac = '02:99:00:00:00:01';
/** Paths on which a datagram may arrive: links, routers, and a path that no speaker knows. */
const paths = ['internal', 'eth0', 'routed', 'another'];

/** The host. */
export class Adversary {
  readonly #parts: AdversaryParts;
  readonly #captured: Captured[] = [];
  #seen = 0;
  /** How often the host has been stopped. What it planned before does not happen. */
  #stops = 0;

  constructor(parts: AdversaryParts) {
    this.#parts = parts;
  }

  /** Sees a datagram. A count decides which ones it keeps, not chance: so a seed without replays runs as it does without this host. */
  see = (to: string, datagram: Datagram): void => {
    const i = this.#seen++;
    if (i < mostCaptured) this.#captured.push({ to, datagram });
    else if (i % 7 === 0) this.#captured[(i / 7) % mostCaptured] = { to, datagram };
  };

  /** Ends all that the host does. */
  stop(): void {
    this.#stops++;
    this.#parts.strangers.clear();
  }

  /** Resends captured datagrams for a while, one every few milliseconds. */
  replay(forMs: number): void {
    const { random, speakers } = this.#parts;
    const names = [...speakers.keys()];
    for (let at = 0; at < forMs; at += random.between(5, 50)) {
      this.#in(at, () => {
        if (this.#captured.length === 0) return;
        const { to, datagram } = random.pick(this.#captured);
        speakers.get(random.chance(0.8) ? to : random.pick(names))?.receive(datagram, random.pick(paths));
      });
    }
  }

  /** Claims a VIP for a while, with gratuitous frames to all nodes, and with answers to probes. */
  claim({ uid, address, link }: Pick<ApiVip, 'uid' | 'address' | 'link'>, forMs: number): void {
    const { random, speakers, strangers } = this.#parts;
    strangers.set(uid, mac);
    this.#in(forMs, () => strangers.delete(uid));
    for (let at = 0; at < forMs; at += random.between(20, 300)) {
      this.#in(at, () => {
        for (const speaker of speakers.values()) speaker.heardOnWire({ address, mac, link });
      });
    }
  }

  #in(ms: number, run: () => void): void {
    const stops = this.#stops;
    this.#parts.schedule.in(ms, () => {
      if (stops === this.#stops) run();
    });
  }
}
