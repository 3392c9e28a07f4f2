/**
 * Cluster objects as the API server holds them, with the fields that allocation depends on.
 *
 * This folder judges allocation by the documentation only: docs/allocation.md, docs/reasons.md and the descriptions in the CRDs. It
 * imports nothing of `src`, so it cannot share a mistake with the program (`test/architecture.test.ts` checks that).
 */

/** A map of labels or annotations. */
export type Labels = Readonly<Record<string, string>>;

/** Metadata of any object. Times are RFC 3339 text. */
export interface Meta {
  readonly name: string;
  readonly namespace?: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Labels;
  readonly annotations?: Labels;
  readonly managedFields?: readonly ManagedField[];
}

/** The fields that one program owns. */
export interface ManagedField {
  readonly manager?: string;
  readonly time?: string;
  readonly subresource?: string;
  readonly fieldsV1?: Readonly<Record<string, unknown>>;
}

/** A label selector. */
export interface Selector {
  readonly matchLabels?: Labels;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: readonly string[];
  }[];
}

/** A condition in a status. */
export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

/** A port of a Service. */
export interface Port {
  readonly protocol?: string;
  readonly port: number;
}

/** A Service. */
export interface Service {
  readonly metadata: Meta;
  readonly spec: {
    readonly type?: string;
    readonly loadBalancerClass?: string;
    readonly loadBalancerIP?: string;
    readonly ipFamilies?: readonly string[];
    readonly ipFamilyPolicy?: string;
    readonly externalTrafficPolicy?: string;
    readonly selector?: Labels;
    readonly publishNotReadyAddresses?: boolean;
    readonly ports?: readonly Port[];
  };
  readonly status?: {
    readonly loadBalancer?: { readonly ingress?: readonly { readonly ip?: string; readonly hostname?: string }[] };
    readonly conditions?: readonly Condition[];
  };
}

/** An IPAddressPool. */
export interface Pool {
  readonly metadata: Meta;
  readonly spec: {
    readonly addresses: readonly string[];
    readonly exclude?: readonly string[];
    readonly autoAssign?: boolean;
    readonly avoidBuggyIPs?: boolean;
    readonly serviceAllocation?: {
      readonly priority?: number;
      readonly namespaces?: readonly string[];
      readonly namespaceSelectors?: readonly Selector[];
      readonly serviceSelectors?: readonly Selector[];
      readonly strict?: boolean;
    };
    readonly state?: string;
    readonly quota?: { readonly perNamespace?: number };
    readonly retainFor?: string;
    readonly reuseAfter?: string;
  };
  readonly status?: {
    readonly assignedIPv4?: number;
    readonly assignedIPv6?: number;
    readonly availableIPv4?: number;
    readonly availableIPv6?: number;
  };
}

/** A Service that a ledger entry names. */
export interface Ref {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly ports?: readonly Port[];
  readonly backends?: string;
  readonly requestedPools?: readonly string[];
}

/** An IPAllocation, which is an entry of the ledger. */
export interface Entry {
  readonly metadata: Meta;
  readonly spec: {
    readonly address: string;
    readonly pool: string;
    readonly services?: readonly Ref[];
    readonly sharingKey?: string;
    readonly reservedUntil?: string;
    readonly formerNamespaces?: readonly string[];
    readonly adopted?: boolean;
    readonly quarantine?: { readonly service: Omit<Ref, 'ports'> };
  };
  readonly status?: {
    readonly holder?: { readonly node: string; readonly since?: string };
    readonly conditions?: readonly Condition[];
  };
}

/** A Namespace. */
export interface Namespace {
  readonly metadata: Meta;
}

/** A Node. */
export interface Node {
  readonly metadata: Meta;
  readonly status?: { readonly addresses?: readonly { readonly type: string; readonly address: string }[] };
}

/** The settings of the installation. */
export interface Rules {
  /** Values of `spec.loadBalancerClass` that Berth serves. */
  readonly classes: readonly string[];
  /** Whether Berth serves Services without a class. */
  readonly withoutClass: boolean;
  /** The chart's value `takeOver`. */
  readonly takeOver: boolean;
  /** The field manager of the controller's writes. */
  readonly manager: string;
}

/** The cluster at one moment, or the state of it that a controller knows. */
export interface Cluster {
  readonly pools: readonly Pool[];
  readonly namespaces: readonly Namespace[];
  readonly nodes: readonly Node[];
  readonly services: readonly Service[];
  readonly entries: readonly Entry[];
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly rules: Rules;
}

/** `namespace/name`. */
export function keyOf({ namespace = '', name }: { readonly namespace?: string; readonly name: string }): string {
  return `${namespace}/${name}`;
}

/** Sorts older objects first. Objects of the same second are sorted by name. */
export function oldestFirst(a: { readonly metadata: Meta }, b: { readonly metadata: Meta }): number {
  const [one, other] = [a.metadata.creationTimestamp ?? '', b.metadata.creationTimestamp ?? ''];
  if (one !== other) return one < other ? -1 : 1;
  return keyOf(a.metadata) < keyOf(b.metadata) ? -1 : 1;
}
