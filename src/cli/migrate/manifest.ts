/** Objects of unchecked manifests: only their kind and name are certain. */

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

/** Whether a value is an object with a kind and a name. A manifest may contain empty documents. */
export function isManifest(value: unknown): value is Manifest {
  const { apiVersion, kind, metadata } = (value ?? {}) as Partial<Manifest>;
  return typeof apiVersion === 'string' && typeof kind === 'string' && typeof metadata?.name === 'string';
}

/** The objects of a document: the items of a `List` (as `kubectl get -o yaml` writes it), or the document itself. */
export function manifestsOf(document: unknown): readonly Manifest[] {
  const { items } = (document ?? {}) as { readonly items?: unknown };
  return (Array.isArray(items) ? items : [document]).filter(isManifest);
}

/** Names an object as `Kind namespace/name`. */
export function titleOf({ kind, metadata: { name, namespace } }: Manifest): string {
  return `${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`;
}

/** Reads a field that should be a list of strings; anything else gives an empty list. */
export function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : [];
}

/** Reads a field that should be a list of objects; anything else gives an empty list. */
export function objectsOf<T>(value: unknown): readonly T[] {
  return Array.isArray(value) ? value.filter((one): one is T => typeof one === 'object' && one !== null) : [];
}
