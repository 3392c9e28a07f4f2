/** Reports whether a VIP is spread as its L2Advertisement wants, or why not. */
import type { Ip } from '../../addr/ip.ts';
import { listed } from '../../api/text.ts';

/** The reasons of the condition `Spread`. */
export const spreadReasons = ['Spread', 'LinkHasPrograms', 'RulesNotLoaded', 'SpreadPathBlocked', 'NoMember'] as const;

/** One of {@link spreadReasons}. */
type SpreadReason = (typeof spreadReasons)[number];

/** The facts from which the finding follows. */
export interface SpreadState {
  readonly vip: Ip;
  readonly link: string;
  /** Programs process the link's packets before Berth's rules do. */
  readonly hasPrograms: boolean;
  /** Why Berth's rules are not in the kernel; undefined if they are. */
  readonly fault: string | undefined;
  /** The nodes that serve it, this one included. */
  readonly members: readonly string[];
  /** Nodes that are left out because the network drops packets with another host's source address. */
  readonly blocked: readonly string[];
}

/** A finding, as a condition of the IPAllocation. */
export interface SpreadFinding {
  readonly type: 'Spread';
  readonly status: 'True' | 'False';
  readonly reason: SpreadReason;
  readonly message: string;
}

/** The first reason why it is not spread, or the nodes that serve it. */
export function spreadFinding({ vip, link, hasPrograms, fault, members, blocked }: SpreadState): SpreadFinding {
  const no = (reason: SpreadReason, message: string): SpreadFinding => {
    return {
      type: 'Spread',
      status: 'False',
      reason,
      message: `${message}; the node that holds ${vip} serves it alone`,
    };
  };
  if (hasPrograms)
    return no(
      'LinkHasPrograms',
      `programs at the ingress of ${link} (tc, XDP) process packets before Berth's rules do`,
    );
  if (fault !== undefined) return no('RulesNotLoaded', `the nftables rules are not in the kernel (${fault})`);
  const away = listed(blocked);
  if (members.length === 0) {
    if (away === '')
      return no('NoMember', 'no node can serve it: no live node has a ready endpoint and a link in its subnet');
    return no('SpreadPathBlocked', `the network drops packets with another host's source address from or to ${away}`);
  }
  const without =
    away === '' ? '' : `, not over ${away}: the network drops packets with another host's source address there`;
  return { type: 'Spread', status: 'True', reason: 'Spread', message: `over ${listed(members)}${without}` };
}
