/**
 * Finds hosts that answer for any address: proxies (RFC 1027). A proxy answers for an address that no host can have, so
 * that is asked for. A host that has many addresses is no proxy. Pure: the time is an argument, in milliseconds on a
 * monotonic clock.
 */
import { type Family, familyOf, type Ip } from '../addr/ip.ts';
import { inSubnet, type LinkAddress } from '../addr/subnet.ts';

/** A host on a link. */
interface Host {
  readonly mac: string;
  readonly link: string;
}

/** What is known of a host. `Unknown`: it is being asked. */
export type HostKind = 'Unknown' | 'Proxy' | 'Other';

/** A question to all hosts of a link, for an address of a family that no host can have. */
export interface ProxyQuestion {
  readonly link: string;
  readonly family: Family;
}

interface Check {
  readonly link: string;
  readonly family: Family;
  asked: number;
  askedAt: number;
  /** Known since; undefined: it is being asked. */
  kind: HostKind;
  knownAt: number;
}

/** Three questions in 300 ms, as before a first announcement. */
const questions = { count: 3, pauseMs: 100 } as const;
/** What is known is asked again after this time, when the host claims an address then. */
const validMs = 60_000;
/** More hosts than a link has that claim addresses. Where there are more, a flood of made-up ones, the rest is not asked. */
const mostHosts = 1_000;

/**
 * Addresses that no host can have: for documentation (RFC 5737, RFC 9637, RFC 3849) and for discarding (RFC 6666). The
 * first one counts that is in no subnet of the link, because tests and manuals use these networks, too.
 */
const impossible: Readonly<Record<Family, readonly Ip[]>> = {
  IPv4: ['203.0.113.253', '198.51.100.253', '192.0.2.253'] as Ip[],
  IPv6: ['3fff:fff:ffff::253', '100::ffff:253', '2001:db8:ffff:ffff::253'] as Ip[],
};

const families = ['IPv4', 'IPv6'] as const;

function onLink({ link, family }: ProxyQuestion): string {
  return `${link} ${family}`;
}

/** The address to ask for on a link with these addresses; undefined: there is none. */
export function impossibleOn(family: Family, addresses: readonly LinkAddress[]): Ip | undefined {
  return impossible[family].find((address) => !addresses.some((own) => inSubnet(address, own)));
}

/** Asks about hosts, and remembers what they are. */
export class Proxies {
  readonly #checks = new Map<string, Check>();
  /** When each link was asked last, by link and family. A question goes to all hosts, and counts for all that are asked. */
  readonly #askedAt = new Map<string, number>();
  /** The address that was asked for last, by link and family. */
  readonly #askedFor = new Map<string, Ip>();

  /** Is this the address that was asked for on the link, because no host can have it? */
  isQuestion(address: string, link: string): boolean {
    return families.some((family) => this.#askedFor.get(onLink({ link, family })) === address);
  }

  /**
   * A question of the last turn was asked for this address; undefined: there is none to ask for, so no host is found to
   * be a proxy. A question that could not be sent is asked again, unless the link has gone.
   */
  asked(question: ProxyQuestion, address: Ip | 'Unsent' | 'NoLink' | undefined): void {
    const on = onLink(question);
    if (address !== undefined && address !== 'Unsent' && address !== 'NoLink') this.#askedFor.set(on, address);
    if (address === 'Unsent' || address === 'NoLink') this.#notAsked(on, address === 'NoLink');
  }

  #notAsked(on: string, isGone: boolean): void {
    const at = this.#askedAt.get(on);
    for (const [key, check] of this.#checks) {
      if (onLink(check) !== on) continue;
      if (isGone) this.#checks.delete(key);
      else if (check.askedAt === at && check.asked > 0) check.asked -= 1;
    }
  }

  /** What the host is that claims an address. If that is not known, it will be asked. */
  kindOf({ mac, link }: Host, claimed: Ip, now: number): HostKind {
    const family = familyOf(claimed);
    const key = `${family} ${link} ${mac}`;
    const known = this.#checks.get(key);
    if (known !== undefined && now - known.knownAt < validMs) return known.kind;
    if (known === undefined && this.#checks.size >= mostHosts) return 'Other';
    // While a proxy is asked again it counts as what it was.
    const kind = known?.kind === 'Proxy' ? 'Proxy' : 'Unknown';
    const never = Number.NEGATIVE_INFINITY;
    this.#checks.set(key, { link, family, asked: 0, askedAt: never, kind, knownAt: Number.POSITIVE_INFINITY });
    return kind;
  }

  /** A host answers for an address that no host can have. True if it was asked. */
  heard({ mac, link }: Host, address: Ip, now: number): boolean {
    const check = this.#checks.get(`${familyOf(address)} ${link} ${mac}`);
    if (check === undefined || !this.isQuestion(address, link)) return false;
    Object.assign(check, { kind: 'Proxy', knownAt: now } satisfies Partial<Check>);
    return true;
  }

  /** The questions to send now, whether something has become known, and when the next turn is due. */
  turn(now: number): { readonly ask: readonly ProxyQuestion[]; readonly isNews: boolean; readonly nextAt: number } {
    const ask = new Map<string, ProxyQuestion>();
    let isNews = false;
    let nextAt = Number.POSITIVE_INFINITY;
    for (const [key, check] of this.#checks) {
      const { link, family } = check;
      if (Number.isFinite(check.knownAt)) {
        if (now - check.knownAt >= 2 * validMs) this.#checks.delete(key);
        continue;
      }
      if (now - check.askedAt >= questions.pauseMs) {
        if (check.asked >= questions.count) {
          Object.assign(check, { kind: 'Other', knownAt: now } satisfies Partial<Check>);
          isNews = true;
          continue;
        }
        const on = onLink(check);
        const again = (this.#askedAt.get(on) ?? Number.NEGATIVE_INFINITY) + questions.pauseMs;
        if (now < again && !ask.has(on)) {
          nextAt = Math.min(nextAt, again);
          continue;
        }
        Object.assign(check, { asked: check.asked + 1, askedAt: now } satisfies Partial<Check>);
        this.#askedAt.set(on, now);
        ask.set(on, { link, family });
      }
      nextAt = Math.min(nextAt, check.askedAt + questions.pauseMs);
    }
    return { ask: [...ask.values()], isNews, nextAt };
  }
}
