/** Sends test packets with another host's source address to the other nodes, and finds the nodes whose packets arrive: see dataplane/rules/spoof-test. */
import { familyOf } from '../../addr/ip.ts';
import { tableName } from '../../dataplane/nft/ruleset.ts';
import type { Neighbor } from '../../dataplane/plan/neighbor.ts';
import { passedSet, SpoofTests, testPort, testSources, testTimes } from '../../dataplane/rules/spoof-test.ts';
import { openFrameSender } from '../../linux/frame-sender.ts';
import type { Link } from '../../linux/links.ts';
import { nft } from '../../linux/nft.ts';
import { Emitter } from '../../runtime/emitter.ts';
import type { Logger } from '../../runtime/logger.ts';
import { encodeTcp, tcpFlag } from '../../wire/tcp.ts';

/** The other nodes that share VIPs with this one on a link. */
export interface TestedLink {
  readonly link: Link;
  readonly neighbors: readonly Neighbor[];
}

/** Tests the paths on all links that have VIPs to spread. */
export class SpoofTester {
  /** The result of {@link blockedOn} has changed. */
  readonly changed = new Emitter();
  readonly #log: Logger;
  readonly #tests = new Map<string, SpoofTests>();
  #links: readonly TestedLink[] = [];
  #blocked: ReadonlyMap<string, readonly string[]> = new Map();
  #timer: NodeJS.Timeout | undefined;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** The nodes whose packets do not arrive on a link. */
  blockedOn = (link: string): readonly string[] => this.#blocked.get(link) ?? [];

  /** Sets the links and the nodes to test. */
  observe(links: readonly TestedLink[]): void {
    this.#links = links;
    for (const name of this.#tests.keys()) if (!links.some(({ link }) => link.name === name)) this.#tests.delete(name);
    if (links.length > 0) this.#timer ??= setTimeout(this.#round, 0).unref();
    else this.#report(new Map());
  }

  /** The rules were loaded again, so the set of nodes that have passed is empty. */
  restart(): void {
    for (const tests of this.#tests.values()) tests.restart();
  }

  /** Ends the tests. */
  close(): void {
    clearTimeout(this.#timer);
    this.#links = [];
  }

  #round = async (): Promise<void> => {
    for (const { link, neighbors } of this.#links) this.#send(link, neighbors);
    try {
      const listing = await nft(`list set netdev ${tableName} ${passedSet}\n`);
      this.#judge(new Set(listing.match(/[0-9a-f]{2}(:[0-9a-f]{2}){5}/g)));
    } catch {
      // The set does not exist yet, or exists no more: the next round reads it again.
      this.restart();
    }
    this.#timer = this.#links.length === 0 ? undefined : setTimeout(this.#round, testTimes.everyMs).unref();
  };

  #send(link: Link, neighbors: readonly Neighbor[]): void {
    try {
      const sender = openFrameSender(link);
      try {
        for (const { address, mac } of neighbors) {
          // A host without Berth's rules sends no answer to a reset.
          sender.send(
            encodeTcp({
              ...{ destination: mac, source: link.mac, flags: tcpFlag.reset, window: 0 },
              ...{ sourceIp: testSources[familyOf(address)], destinationIp: address },
              ...{ sourcePort: testPort, destinationPort: testPort, sequence: 0, acknowledgment: 0 },
            }),
          );
        }
      } finally {
        sender.close();
      }
    } catch (error) {
      this.#log.debug({ link: link.name, err: error }, 'cannot send test packets on a link');
    }
  }

  #judge(passed: ReadonlySet<string>): void {
    const now = performance.now();
    const blocked = new Map<string, readonly string[]>();
    for (const { link, neighbors } of this.#links) {
      const tests = this.#tests.get(link.name) ?? new SpoofTests();
      this.#tests.set(link.name, tests);
      const missing = tests.missing(neighbors, passed, now);
      if (missing.length > 0) blocked.set(link.name, missing);
    }
    this.#report(blocked);
  }

  #report(blocked: ReadonlyMap<string, readonly string[]>): void {
    const [before, now] = [this.#blocked, blocked].map((all) => JSON.stringify([...all]));
    if (before === now) return;
    this.#blocked = blocked;
    for (const [link, nodes] of blocked) {
      this.#log.warn(
        { link, nodes, reason: 'SpreadPathBlocked' },
        "packets with another host's source address do not arrive from these nodes",
      );
    }
    if (blocked.size === 0) this.#log.info({}, "packets with another host's source address arrive from all nodes");
    this.changed.emit();
  }
}
