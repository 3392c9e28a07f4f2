/** Cluster objects as anybody writes them: nothing in them is certain but that they are objects with a kind and a name. */

/** An object of a manifest or of a list. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec?: Readonly<Record<string, unknown>>;
}

/** Is this an object that can be looked at? A manifest may hold empty documents. */
export function isManifest(value: unknown): value is Manifest {
  const { apiVersion, kind, metadata } = (value ?? {}) as Partial<Manifest>;
  return typeof apiVersion === 'string' && typeof kind === 'string' && typeof metadata?.name === 'string';
}

/** The objects of a document: those of a `List` (as `kubectl get -o yaml` writes it), or itself. */
export function manifestsOf(document: unknown): readonly Manifest[] {
  const { items } = (document ?? {}) as { readonly items?: unknown };
  return (Array.isArray(items) ? items : [document]).filter(isManifest);
}

/** `Kind namespace/name`. */
export function titleOf({ kind, metadata: { name, namespace } }: Manifest): string {
  return `${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`;
}

/** A field that should be a list of texts; what is none is an empty one. */
export function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : [];
}

/** A field that should be a list of objects. */
export function objectsOf<T>(value: unknown): readonly T[] {
  return Array.isArray(value) ? value.filter((one): one is T => typeof one === 'object' && one !== null) : [];
}
