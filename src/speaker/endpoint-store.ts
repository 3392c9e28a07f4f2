/**
 * The EndpointSlices of the cluster, by Service. Pods start and end all the time, and mostly nothing depends on it. So
 * the store remembers what was asked about the endpoints of a Service, and only a slice that changes an answer counts.
 */
import type { Family, Ip } from '../addr/ip.ts';
import type { EndpointNodes } from '../announce/desired-vips.ts';
import { endpointCounts } from '../announce/endpoint-nodes.ts';
import type { EndpointSliceView } from '../api/endpoints.ts';
import { ViewStore } from '../kube/view-store.ts';

/** The number of endpoints on each node. */
type Counts = ReadonlyMap<string, number>;

/** What may be asked. Two answers are the same if their texts are. */
const questions = {
  isServed: (counts: Counts) => `${counts.size > 0}`,
  nodes: (counts: Counts) => [...counts.keys()].sort().join(' '),
  counts: (counts: Counts) =>
    [...counts]
      .map(([node, count]) => `${node}*${count}`)
      .sort()
      .join(' '),
} as const;

/** The endpoints of a Service in one family, and what was asked about them. */
class Answers {
  #counts: Counts;
  readonly #asked = new Set<keyof typeof questions>();

  constructor(counts: Counts) {
    this.#counts = counts;
  }

  get size(): number {
    this.#asked.add('isServed');
    return this.#counts.size;
  }

  has(node: string): boolean {
    this.#asked.add('nodes');
    return this.#counts.has(node);
  }

  get counts(): Counts {
    this.#asked.add('counts');
    return this.#counts;
  }

  /** Sets the present endpoints, unless an answer that was given is not true for them. */
  accept(counts: Counts): boolean {
    const isTrue = [...this.#asked].every((one) => questions[one](counts) === questions[one](this.#counts));
    if (isTrue) this.#counts = counts;
    return isTrue;
  }
}

/** Answers about Services without slices that are remembered: some of these Services may be gone. */
const mostWithoutSlices = 20_000;

/** The slices, and the answers that follow from them. */
export class EndpointStore extends ViewStore<EndpointSliceView> {
  readonly #slices = new Map<string, Map<string, EndpointSliceView>>();
  /** By `endpointKey`. Answers that are no longer true are forgotten: what depends on them asks again. */
  readonly #answers = new Map<string, Answers>();
  #watched: { readonly nodes: ReadonlySet<string>; readonly addresses: ReadonlySet<Ip> } | undefined;
  #changes = 0;

  /** Changes whenever an answer that was given is no longer true, or a slice of a watched node changes. */
  get answersRevision(): number {
    return this.#changes;
  }

  /** The nodes with an endpoint. */
  readonly nodes: EndpointNodes = { get: (key) => this.#answersOn(key) };

  /** Does any endpoint of a family serve a Service? */
  isServed = (service: string, family: Family): boolean => this.#answersOn(`${service} ${family}`).size > 0;

  /** The number of endpoints of a Service on each node. */
  countsOf = (service: string, family: Family): Counts => this.#answersOn(`${service} ${family}`).counts;

  /** From now on each slice counts that names one of these nodes, or an address that another slice has on one of them. */
  watchNodes(names: readonly string[]): void {
    const nodes = new Set(names);
    const placed = names.length === 0 ? [] : this.values().flatMap(({ endpoints }) => endpoints);
    const addresses = placed.filter(({ node }) => nodes.has(node)).flatMap((endpoint) => endpoint.addresses);
    this.#watched = names.length === 0 ? undefined : { nodes, addresses: new Set(addresses) };
  }

  override put(view: EndpointSliceView): boolean {
    const before = this.get(view.uid);
    const isChanged = super.put(view);
    if (isChanged) this.#follow(before, view);
    return isChanged;
  }

  override remove(uid: string, version: string): boolean {
    const before = this.get(uid);
    const isChanged = super.remove(uid, version);
    if (isChanged) this.#follow(before, undefined);
    return isChanged;
  }

  /** A list counts as a change of everything. */
  override replace(views: readonly EndpointSliceView[], version: string): void {
    super.replace(views, version);
    this.#slices.clear();
    for (const view of this.values()) this.#put(view);
    this.#forgetAll();
  }

  #follow(before: EndpointSliceView | undefined, now: EndpointSliceView | undefined): void {
    if (before) this.#slices.get(before.service)?.delete(before.uid);
    if (now) this.#put(now);
    const both = [before, now].filter((slice) => slice !== undefined);
    const services = new Set(both.map(({ service }) => service));
    const isTrue = [...services].map((service) => this.#review(service)).every((one) => one);
    if (!isTrue || both.some((slice) => this.#isWatched(slice))) this.#changes++;
  }

  #put(view: EndpointSliceView): void {
    const group = this.#slices.get(view.service) ?? new Map<string, EndpointSliceView>();
    this.#slices.set(view.service, group.set(view.uid, view));
  }

  /** Forgets the answers about a Service that are no longer true. Returns whether all are. */
  #review(service: string): boolean {
    if (this.#slices.get(service)?.size === 0) this.#slices.delete(service);
    const stale = (['IPv4', 'IPv6'] as const).filter((family) => {
      const answers = this.#answers.get(`${service} ${family}`);
      return answers?.accept(this.#countsOf(service, family)) === false;
    });
    for (const family of stale) this.#answers.delete(`${service} ${family}`);
    return stale.length === 0;
  }

  #isWatched({ endpoints }: EndpointSliceView): boolean {
    const watched = this.#watched;
    if (watched === undefined) return false;
    const { nodes, addresses } = watched;
    return endpoints.some((one) => nodes.has(one.node) || one.addresses.some((ip) => addresses.has(ip)));
  }

  #answersOn(key: string): Answers {
    const known = this.#answers.get(key);
    if (known !== undefined) return known;
    if (this.#answers.size >= 2 * this.#slices.size + mostWithoutSlices) this.#forgetAll();
    const [service = '', family] = key.split(' ') as [string, Family];
    const answers = new Answers(this.#countsOf(service, family));
    this.#answers.set(key, answers);
    return answers;
  }

  #countsOf(service: string, family: Family): Counts {
    return endpointCounts([...(this.#slices.get(service)?.values() ?? [])], family);
  }

  #forgetAll(): void {
    this.#answers.clear();
    this.#changes++;
  }
}
