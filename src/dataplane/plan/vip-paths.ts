/** Derives the path of every VIP's packets from the ledger and the Services. */
import { type Family, familyOf, type Ip } from '../../addr/ip.ts';
import { formatRange } from '../../addr/range.ts';
import type { AllocationView } from '../../api/allocation.ts';
import { type HandOff, handOffOf, hasTooManyRanges, ipModeOf } from '../../api/hand-off.ts';
import { portName, type ServicePort, type ServiceView } from '../../api/service.ts';
import { admittedFrom } from '../../api/source-ranges.ts';
import { Memo } from '../../memo/memo.ts';
import type { Protocol } from '../nft/icmp-error.ts';
import type { DataPath, PortPath, VipPath } from './spec.ts';

/** The facts on which the paths depend. */
interface PathSnapshot {
  readonly ledger: readonly AllocationView[];
  /** The Service with a uid. */
  readonly service: (uid: string) => ServiceView | undefined;
  /** The hand-off of Services without an annotation for it. */
  readonly handOff: HandOff;
  /** Services whose source ranges are too many beside those of other ones: `crowdedOut`. */
  readonly crowded?: ReadonlySet<string>;
  /** Does any endpoint serve the Service with this key? */
  readonly isServed: (service: string, family: Family) => boolean;
  /** The restraint of an address; absent: there is none. */
  readonly restraintOf?: (entry: AllocationView) => VipPath['restraint'];
  /** Milliseconds on a monotonic clock. */
  readonly now: number;
}

/**
 * kube-proxy needs some time before it serves a VIP of a changed Service: packets are rewritten for this long.
 * Milliseconds.
 */
export const lingerMs = 10_000;

/** The packets are still rewritten: later than any moment. */
const isDueStill = Number.POSITIVE_INFINITY;

/** Reads the paths repeatedly. A path that has not changed is the same object as before. */
export class VipPathReader {
  readonly #known = new Memo<AllocationView, VipPath>();
  /** By uid of the Service: when its packets last had to be rewritten; {@link isDueStill} while they must be. */
  #handedAt: ReadonlyMap<string, number> = new Map();
  #lingering = false;

  /** Are packets rewritten that soon will not be? Then the paths change with time alone. */
  get isLingering(): boolean {
    return this.#lingering;
  }

  /** Reads the paths. An address that the ledger does not bind to a Service has none. */
  read(snapshot: PathSnapshot): readonly VipPath[] {
    const handedAt = new Map<string, number>();
    this.#lingering = false;
    const paths = snapshot.ledger.flatMap((entry) => {
      const path = this.#pathOf(entry, snapshot, handedAt);
      return path === undefined ? [] : [path];
    });
    this.#handedAt = handedAt;
    return paths;
  }

  #pathOf(entry: AllocationView, snapshot: PathSnapshot, handedAt: Map<string, number>): VipPath | undefined {
    const services = entry.services
      .map(({ uid }) => snapshot.service(uid))
      .filter((view) => view !== undefined)
      .filter(({ isLoadBalancer }) => isLoadBalancer);
    if (services.length === 0) return undefined;
    const { address } = entry;
    const rewritten = services.map((service) => this.#isRewritten(service, snapshot, handedAt));
    const family = familyOf(address);
    // With `Local` the client must try again: the address may be about to move to a node with an endpoint.
    const vacant = services.map(({ local, key }) => !local && !snapshot.isServed(key, family));
    const crowded = services.map(({ uid }) => snapshot.crowded?.has(uid) === true);
    const restraint = snapshot.restraintOf?.(entry);
    // All four lists have one element for each Service: equal counts make equal lists.
    return this.#known.of(entry, [...services, ...rewritten, ...vacant, ...crowded, restraint], () => {
      const owners = portOwners(entry, services);
      const ports = services.flatMap((service, i) => {
        const isOwn = (_: unknown, at: number) => owners.get(portName(service.ports[at] as ServicePort)) === service;
        const how = { isRewritten: rewritten[i] === true, isCrowded: crowded[i] === true };
        const own = portsOf(service, address, how).filter(isOwn);
        return own.map((port) => ({ ...port, vacant: vacant[i] === true }));
      });
      return { address, ...(restraint && { restraint }), ports };
    });
  }

  #isRewritten(service: ServiceView, { handOff, crowded, now }: PathSnapshot, handedAt: Map<string, number>): boolean {
    const { uid, ingress } = service;
    const choice = handOffOf(service, handOff, crowded);
    const isDue = ipModeOf(choice) === 'Proxy' || ingress.some(({ ipMode }) => ipMode === 'Proxy');
    const before = this.#handedAt.get(uid);
    // A Service that was due at the last read was due until now.
    const last = isDue ? isDueStill : before === isDueStill ? now : before;
    if (last === undefined || now - last > lingerMs) return false;
    handedAt.set(uid, last);
    if (!isDue) this.#lingering = true;
    return true;
  }
}

/** VIPs of which no port can be served: packets for each would be rewritten, and this node has no address of the family. */
export function unservedVips({ vips, nodeAddresses }: Pick<DataPath, 'vips' | 'nodeAddresses'>): ReadonlySet<Ip> {
  const isLost = ({ address, ports }: VipPath) =>
    nodeAddresses[familyOf(address)] === undefined &&
    ports.length > 0 &&
    ports.every(({ nodePort }) => nodePort !== undefined);
  return new Set(vips.filter(isLost).map(({ address }) => address));
}

/**
 * The Service to which each port of an address belongs. One that was changed may have a port that the entry records for another one. It must
 * leave the address, and meanwhile the port stays with the other one.
 */
function portOwners(
  { services: refs }: AllocationView,
  services: readonly ServiceView[],
): ReadonlyMap<string, ServiceView> {
  const owners = new Map<string, ServiceView>();
  const recorded = new Map(refs.map(({ uid, ports = [] }) => [uid, new Set(ports.map(portName))]));
  for (const isTurn of [(service: ServiceView, port: string) => recorded.get(service.uid)?.has(port), () => true]) {
    for (const service of services) {
      for (const port of service.ports.map(portName)) {
        if (isTurn(service, port) && !owners.has(port)) owners.set(port, service);
      }
    }
  }
  return owners;
}

function portsOf(
  service: ServiceView,
  address: Ip,
  { isRewritten, isCrowded }: { readonly isRewritten: boolean; readonly isCrowded: boolean },
): readonly Omit<PortPath, 'vacant'>[] {
  const family = familyOf(address);
  // kube-proxy is about to serve a Service with too many ranges. Until then no client is admitted.
  const isLeft = isCrowded || hasTooManyRanges(service);
  const admitted = isRewritten && isLeft ? [] : admittedFrom(service, family);
  const sources = admitted?.map(formatRange);
  return service.ports.map(({ protocol, port }, i) => {
    const nodePort = isRewritten && protocol !== 'SCTP' ? service.nodePorts[i] || undefined : undefined;
    const { sticky, local, key } = service;
    const facts = { sources, sticky, local: local ? key : undefined };
    return { protocol: protocol.toLowerCase() as Protocol, port, nodePort, ...facts };
  });
}
