/** EndpointSlices: on which nodes a Service has an endpoint that serves. */
import { type Identity, identityOf, type RawMeta } from './meta.ts';

/** EndpointSlice as the API server sends it. */
export interface RawEndpointSlice {
  readonly metadata: RawMeta;
  readonly endpoints?:
    | readonly {
        readonly nodeName?: string;
        readonly conditions?: { readonly ready?: boolean; readonly serving?: boolean };
      }[]
    | null;
}

/** What we need of a slice. */
export interface EndpointSliceView extends Identity {
  /** `namespace/name` of its Service. */
  readonly service: string;
  readonly servingNodes: readonly string[];
  /** An endpoint that serves is on no node: a person has entered its address. */
  readonly servesElsewhere: boolean;
}

/** The view of a slice, or undefined where it belongs to no Service. */
export function parseEndpointSlice(raw: RawEndpointSlice): EndpointSliceView | undefined {
  const service = raw.metadata.labels?.['kubernetes.io/service-name'];
  if (service === undefined) return undefined;
  const nodes = new Set<string>();
  let servesElsewhere = false;
  for (const { nodeName, conditions } of raw.endpoints ?? []) {
    // An absent condition means yes; a terminating endpoint is not ready but still serves (EndpointConditions).
    const serves = conditions?.ready !== false || conditions.serving === true;
    if (serves && nodeName !== undefined) nodes.add(nodeName);
    else if (serves) servesElsewhere = true;
  }
  const key = `${raw.metadata.namespace}/${service}`;
  return { ...identityOf(raw.metadata), service: key, servingNodes: [...nodes], servesElsewhere };
}
