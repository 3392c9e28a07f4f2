/** Probes nodes that no speaker hears any more, until it is clear whether they are dead. */
import { type Ip, isLinkLocal, parseIp } from '../../addr/ip.ts';
import { addressesOnLink, inSubnet, parseLinkAddresses } from '../../addr/subnet.ts';
import { DeadNodes } from '../../dataplane/plan/dead-nodes.ts';
import type { Link } from '../../linux/links.ts';
import type { HeardClaim } from '../../linux/worker/responder-messages.ts';
import { Emitter } from '../../runtime/emitter.ts';
import type { NeighborProber } from '../announce/neighbor-prober.ts';
import type { ElectionRunner } from '../election/election-runner.ts';

/** The parts that the watch works with. */
interface DeadNodeWatchParts {
  readonly runner: Pick<ElectionRunner, 'linksOf' | 'membership'> & Partial<Pick<ElectionRunner, 'noInboundTraffic'>>;
  readonly links: () => readonly Link[];
  readonly prober: Pick<NeighborProber, 'probe'>;
}

/** Knows the nodes that are dead: no speaker hears them, and they answer no probe. */
export class DeadNodeWatch {
  /** {@link dead} has changed. */
  readonly changed = new Emitter();
  readonly #parts: DeadNodeWatchParts;
  readonly #nodes = new DeadNodes();
  #dead: readonly string[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: DeadNodeWatchParts) {
    this.#parts = parts;
  }

  /** The names of the dead nodes; the same list as before if nothing has changed. */
  get dead(): readonly string[] {
    return this.#dead;
  }

  /** A host answered for an address. It counts on the link that is probed only. */
  heard({ address, link }: HeardClaim): void {
    const ip = parseIp(address);
    if (ip && this.#linksTo(ip).includes(link)) this.#nodes.heard(address, performance.now());
  }

  /** Sends the probes that are due. Must be called when the membership changes; it calls itself for the next probes. */
  review = (): void => {
    const { runner, prober } = this.#parts;
    clearTimeout(this.#timer);
    const silent = runner.membership.lost.map((node) => ({ node, addresses: this.#addressesOf(node) }));
    const { dead, probes, nextAt } = this.#nodes.review(silent, performance.now());
    const unsent = prober.probe(probes.map((address) => ({ address, links: this.#linksTo(address) })));
    this.#nodes.notProbed(unsent.map(({ address }) => address));
    if (nextAt !== undefined) this.#timer = setTimeout(this.review, nextAt - performance.now()).unref();
    if (dead.join(' ') === this.#dead.join(' ')) return;
    this.#dead = dead;
    this.changed.emit();
  };

  /** Ends the probes. */
  close(): void {
    clearTimeout(this.#timer);
  }

  /** The link in whose subnet an address is; none if a router is between. */
  #linksTo(address: Ip): readonly string[] {
    const link = this.#workingLinks().find(({ addresses }) => addresses.some((own) => inSubnet(address, own)));
    return link ? [link.name] : [];
  }

  /** The links without those that receive nothing: no answer could arrive there. */
  #workingLinks(): readonly Link[] {
    const { links, runner } = this.#parts;
    return links().filter(({ name, carrier }) => carrier && !runner.noInboundTraffic?.has(name));
  }

  /** Addresses of a node in subnets of this node's working links. */
  #addressesOf(node: string): readonly Ip[] {
    const own = this.#workingLinks();
    const its = this.#parts.runner.linksOf(node) ?? [];
    const on = (link: Link) =>
      its.flatMap(({ addresses }) => addressesOnLink(link.addresses, parseLinkAddresses(addresses)));
    return [...new Set(own.flatMap(on))].filter((ip) => !isLinkLocal(ip));
  }
}
