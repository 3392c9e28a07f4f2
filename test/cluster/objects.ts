/** Objects of the API server, with the fields that the tests read. */
import type { KubeObject } from '../lab/api.ts';

/** A condition of any object. */
export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

/** Any object with conditions. */
export interface Conditioned extends KubeObject {
  readonly status?: { readonly conditions?: readonly Condition[] };
}

/** A Service. */
export interface ServiceObject extends KubeObject {
  readonly spec: {
    readonly clusterIP?: string;
    readonly healthCheckNodePort?: number;
    readonly ports: readonly { readonly port: number; readonly nodePort?: number }[];
  };
  readonly status: {
    readonly loadBalancer?: { readonly ingress?: readonly { readonly ip: string; readonly ipMode?: string }[] };
    readonly conditions?: readonly Condition[];
  };
}

/** An IPAllocation. */
export interface Entry extends KubeObject {
  readonly spec: {
    readonly services?: readonly { readonly name: string; readonly ports?: readonly { readonly port: number }[] }[];
    readonly sharingKey?: string;
    readonly reservedUntil?: string;
    readonly quarantine?: unknown;
  };
  readonly status?: {
    readonly holder?: { readonly node?: string };
    readonly conditions?: readonly Condition[];
  };
}

/** An IPAddressPool. */
export interface Pool extends KubeObject {
  readonly status?: {
    readonly used?: string | number;
    readonly free?: string | number;
    readonly conditions?: readonly Condition[];
  };
}

/** A Pod. */
export interface Pod extends KubeObject {
  readonly spec: { readonly nodeName?: string };
  readonly status: {
    readonly podIP?: string;
    readonly containerStatuses?: readonly { readonly restartCount: number }[];
  };
}

/** The condition of a type; undefined if there is none. */
export function conditionIn(object: Conditioned | undefined, type: string): Condition | undefined {
  return object?.status?.conditions?.find((one) => one.type === type);
}
