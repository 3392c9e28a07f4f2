/**
 * The facts of `explain`: why a Service has this address or none, its holder and why, the way of its packets,
 * and the problems.
 */
import type { Family } from '../../addr/ip.ts';
import type { NodeEligibility } from '../../announce/node-eligibility.ts';
import type { HandOffChoice } from '../../api/hand-off.ts';
import type { FamilyLook } from '../../ipam/explain.ts';
import type { ServiceState } from '../cluster/service-state.ts';
import type { VipState } from '../cluster/vip-state.ts';

/** A problem, and what to do about it. */
export interface Problem {
  readonly reason: string;
  readonly what: string;
  readonly todo: string;
}

/** An address of the Service, and the verdict on each node for it. */
export interface ExplainedVip extends VipState {
  readonly nodes: readonly NodeEligibility[];
  /** The node that would take the address over if its holder died now. */
  readonly next: string | undefined;
  readonly distribution: 'Single' | 'Spread';
  /** The state of distribution `Spread`, as the holder reports it. */
  readonly spread: { readonly reason: string; readonly message: string } | undefined;
  /** The state of the holder's nftables rules: `Loaded`, `Off`, or why not; undefined if its speaker did not answer. */
  readonly nftables: string | undefined;
}

/** The way of the packets to the Pods. */
export interface ExplainedPath {
  readonly handOff: HandOffChoice;
  readonly policy: 'Cluster' | 'Local';
  readonly ports: readonly string[];
  /** The ready endpoints, by family and node. */
  readonly endpoints: readonly {
    readonly family: Family;
    readonly nodes: readonly { readonly node: string; readonly ready: number }[];
  }[];
  readonly sourceRanges: number;
}

/** The complete answer. */
export interface ExplainFacts {
  readonly service: ServiceState;
  readonly class: string | undefined;
  readonly pools: readonly FamilyLook[];
  readonly vips: readonly ExplainedVip[];
  readonly path: ExplainedPath;
  readonly notes: readonly string[];
  readonly problems: readonly Problem[];
}
