/** EndpointSlices: the endpoints of a Service that serve, and their nodes. */
import { type Ip, parseSloppyIp } from '../addr/ip.ts';
import { type Identity, identityOf, type RawMeta } from './meta.ts';

/** EndpointSlice as the API server sends it. */
export interface RawEndpointSlice {
  readonly metadata: RawMeta;
  readonly endpoints?:
    | readonly {
        readonly addresses?: readonly string[];
        readonly nodeName?: string;
        readonly conditions?: { readonly ready?: boolean; readonly serving?: boolean };
      }[]
    | null;
}

/** One endpoint that may receive traffic. */
export interface EndpointView {
  readonly addresses: readonly Ip[];
  /** Its node; empty if the endpoint was entered by hand without one. */
  readonly node: string;
  /** New connections should go to it. An endpoint that is not ready may still serve while it terminates. */
  readonly ready: boolean;
}

/** The fields of a slice that Berth uses. */
export interface EndpointSliceView extends Identity {
  /** `namespace/name` of its Service. */
  readonly service: string;
  /** The endpoints that serve. */
  readonly endpoints: readonly EndpointView[];
}

/** The view of a slice, or undefined if it belongs to no Service. */
export function parseEndpointSlice(raw: RawEndpointSlice): EndpointSliceView | undefined {
  const service = raw.metadata.labels?.['kubernetes.io/service-name'];
  if (service === undefined) return undefined;
  const endpoints = (raw.endpoints ?? []).filter(serves).map(endpointOf);
  return { ...identityOf(raw.metadata), service: `${raw.metadata.namespace}/${service}`, endpoints };
}

type RawEndpoint = NonNullable<RawEndpointSlice['endpoints']>[number];

/** An absent condition means yes; a terminating endpoint is not ready but still serves (EndpointConditions). */
function serves({ conditions }: RawEndpoint): boolean {
  return conditions?.ready !== false || conditions.serving === true;
}

function endpointOf({ addresses = [], nodeName = '', conditions }: RawEndpoint): EndpointView {
  const ips = addresses.map(parseSloppyIp).filter((address) => address !== undefined);
  return { addresses: ips, node: nodeName, ready: conditions?.ready !== false };
}
