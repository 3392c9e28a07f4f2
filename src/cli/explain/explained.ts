/** What `explain` tells of a Service: why it has this address or none, who holds it and why, what becomes of its packets, what is wrong. */
import type { Family } from '../../addr/ip.ts';
import type { NodeEligibility } from '../../announce/node-eligibility.ts';
import type { HandOffChoice } from '../../api/hand-off.ts';
import type { FamilyLook } from '../../ipam/explain.ts';
import type { ServiceState } from '../cluster/service-state.ts';
import type { VipState } from '../cluster/vip-state.ts';

/** Something that is wrong. */
export interface Problem {
  readonly reason: string;
  readonly what: string;
  readonly todo: string;
}

/** An address of the Service, and what each node is to it. */
export interface ExplainedVip extends VipState {
  readonly nodes: readonly NodeEligibility[];
  /** Who would take it, if its holder died now. */
  readonly next: string | undefined;
  readonly distribution: 'Single' | 'Spread';
  /** What became of the wish to spread it, as its holder says. */
  readonly spread: { readonly reason: string; readonly message: string } | undefined;
  /** The rules of the holder: `Loaded`, `Off`, or why not; undefined: nobody could ask. */
  readonly nftables: string | undefined;
}

/** What becomes of the packets. */
export interface ExplainedPath {
  readonly handOff: HandOffChoice;
  readonly policy: 'Cluster' | 'Local';
  readonly ports: readonly string[];
  /** Those that are ready, by family and node. */
  readonly endpoints: readonly {
    readonly family: Family;
    readonly nodes: readonly { readonly node: string; readonly ready: number }[];
  }[];
  readonly sourceRanges: number;
}

/** The whole answer. */
export interface ExplainFacts {
  readonly service: ServiceState;
  readonly class: string | undefined;
  readonly pools: readonly FamilyLook[];
  readonly vips: readonly ExplainedVip[];
  readonly path: ExplainedPath;
  readonly notes: readonly string[];
  readonly problems: readonly Problem[];
}
