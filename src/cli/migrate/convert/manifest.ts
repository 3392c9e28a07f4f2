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
  if (!isMap(value)) return false;
  const { apiVersion, kind, metadata } = value;
  return (
    typeof apiVersion === 'string' && typeof kind === 'string' && isMap(metadata) && typeof metadata.name === 'string'
  );
}

/** Whether a value is a mapping with texts as keys. */
export function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The objects of a document: the items of a `List` (as `kubectl get -o yaml` writes it), or the document itself. */
export function itemsOf(document: unknown): readonly unknown[] {
  return isMap(document) && Array.isArray(document.items) ? document.items : [document];
}

/** Whether an object is of one of MetalLB's own API groups: those of FRR-K8s, which MetalLB installs, count too. */
export function isOfMetalLb({ apiVersion }: Pick<Manifest, 'apiVersion'>): boolean {
  return /^(?:[a-z0-9-]+\.)?metallb\.io\//.test(apiVersion);
}

/** Names an object as `Kind namespace/name`. */
export function titleOf({ kind, metadata: { name, namespace } }: Manifest): string {
  return `${kind} ${typeof namespace === 'string' ? `${namespace}/` : ''}${name}`;
}
