/** Decides whether Services may share an address. */
import { entryLimits, type ServiceRef } from '../api/entry-fields.ts';
import { everywhere, portName } from '../api/service.ts';

/** The properties of a Service that decide about sharing. */
export interface Sharer {
  /** Services with the same key share. It begins with the sorted namespaces that may use it, so that equal keys are equal texts. */
  readonly key: string | undefined;
  /** As {@link portName} writes them; undefined: not known, so a collision cannot be excluded. */
  readonly ports: ReadonlySet<string> | undefined;
  /** As `backendsOf` writes them; undefined: not known. */
  readonly backends: string | undefined;
}

/**
 * The properties of a Service that an entry names and that is no user of the address. It may be there, and still show the address with what
 * it is now: then it shares only with Services that can share with both.
 */
export function leavingSharer(
  { ports, backends }: ServiceRef,
  { key, now }: { readonly key: string | undefined; readonly now: Sharer | undefined },
): Sharer {
  const recorded = { key, ports: ports && new Set(ports.map(portName)), backends };
  if (now === undefined) return recorded;
  return {
    key: now.key === key ? key : undefined,
    ports: recorded.ports && new Set([...recorded.ports, ...(now.ports ?? [])]),
    backends: backends === undefined || backends === now.backends ? now.backends : changed,
  };
}

/** The `backends` of no Service. */
const changed = 'Changed';

/** The Services that share one address, by `namespace/name`. A check costs the same, however many they are. */
export class Sharers {
  readonly #all = new Map<string, Sharer>();
  readonly #byKey = new Groups();
  readonly #byPort = new Groups();
  readonly #byBackends = new Groups();
  readonly #withoutPorts = new Set<string>();
  #ports = 0;

  /** The number of Services without this one. */
  othersThan(name: string): number {
    return this.#all.size - (this.#all.has(name) ? 1 : 0);
  }

  /** Adds a Service, or replaces it. */
  set(name: string, sharer: Sharer): void {
    this.delete(name);
    this.#all.set(name, sharer);
    this.#byKey.add(sharer.key, name);
    this.#byBackends.add(sharer.backends, name);
    if (sharer.ports === undefined) this.#withoutPorts.add(name);
    for (const port of sharer.ports ?? []) this.#byPort.add(port, name);
    this.#ports += sharer.ports?.size ?? 0;
  }

  /** Removes a Service. */
  delete(name: string): void {
    const sharer = this.#all.get(name);
    if (sharer === undefined) return;
    this.#all.delete(name);
    this.#byKey.delete(sharer.key, name);
    this.#byBackends.delete(sharer.backends, name);
    this.#withoutPorts.delete(name);
    for (const port of sharer.ports ?? []) this.#byPort.delete(port, name);
    this.#ports -= sharer.ports?.size ?? 0;
  }

  /** The first of these ports that another Service than this one uses. */
  usedPort(name: string, ports: Iterable<string>): string | undefined {
    for (const port of ports) if (this.#byPort.hasOther(port, name)) return port;
    return undefined;
  }

  /** Why the Service cannot share the address with the others; undefined if it can. */
  conflictWith(name: string, { key, ports, backends }: Sharer): string | undefined {
    if (this.othersThan(name) === 0) return undefined;
    if (key === undefined || this.#byKey.hasOther(undefined, name)) {
      return 'both Services need the annotation allow-shared-ip';
    }
    if (this.#byKey.hasDifferent(key, name)) return 'their sharing keys differ';
    const isUnknown = this.#withoutPorts.size > (this.#withoutPorts.has(name) ? 1 : 0);
    if (ports === undefined || isUnknown) return 'the ports of the other Service are not known yet';
    const port = this.usedPort(name, ports);
    if (port !== undefined) return `both use port ${port}`;
    const others = this.#ports - (this.#all.get(name)?.ports?.size ?? 0);
    if (others + ports.size > entryLimits.ports) return `together they have more than ${entryLimits.ports} ports`;
    // An entry of a former version does not say what a Service needs.
    if (this.#byBackends.hasDifferent(backends, name, backends === everywhere)) {
      return 'with externalTrafficPolicy Local, all Services that share an address need the same policy and the same Pods';
    }
    return undefined;
  }
}

/** Names in groups, by a value that they have in common. */
class Groups {
  readonly #names = new Map<string | undefined, Set<string>>();

  add(value: string | undefined, name: string): void {
    const names = this.#names.get(value);
    if (names === undefined) this.#names.set(value, new Set([name]));
    else names.add(name);
  }

  delete(value: string | undefined, name: string): void {
    const names = this.#names.get(value);
    names?.delete(name);
    if (names?.size === 0) this.#names.delete(value);
  }

  /** Has another name this value? */
  hasOther(value: string | undefined, name: string): boolean {
    const names = this.#names.get(value);
    return names !== undefined && names.size > (names.has(name) ? 1 : 0);
  }

  /** Has another name another value? With `allowsUnknown`, an unknown value is none. */
  hasDifferent(value: string | undefined, name: string, allowsUnknown = false): boolean {
    for (const other of this.#names.keys()) {
      if (other === value || (other === undefined && allowsUnknown)) continue;
      if (this.hasOther(other, name)) return true;
    }
    return false;
  }
}
