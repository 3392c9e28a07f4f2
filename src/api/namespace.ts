/** Namespaces: pools select Services by the labels of their namespaces. */
import { type Identity, identityOf, type RawMeta } from './meta.ts';

/** Namespace as the API server sends it. */
export interface RawNamespace {
  readonly metadata: RawMeta;
}

/** The fields of a namespace that Berth uses. */
export interface NamespaceView extends Identity {
  readonly labels: Readonly<Record<string, string>>;
}

/** The view of a namespace. */
export function parseNamespace({ metadata }: RawNamespace): NamespaceView {
  return { ...identityOf(metadata), labels: metadata.labels ?? {} };
}
