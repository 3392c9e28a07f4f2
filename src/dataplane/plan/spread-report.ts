/** Whether a VIP that is to be spread is, and why not: in words for people. */
import type { Ip } from '../../addr/ip.ts';

/** What became of the wish. */
export const spreadReasons = ['Spread', 'LinkHasPrograms', 'RulesNotLoaded', 'SpreadPathBlocked', 'NoMember'] as const;

/** One of {@link spreadReasons}. */
export type SpreadReason = (typeof spreadReasons)[number];

/** What the finding follows from. */
export interface SpreadState {
  readonly vip: Ip;
  readonly link: string;
  /** Programs see the link's packets before our rules do. */
  readonly hasPrograms: boolean;
  /** Why our rules are not in the kernel; undefined where they are. */
  readonly fault: string | undefined;
  /** The nodes that serve it, this one included. */
  readonly members: readonly string[];
  /** Nodes that are left out because packets in the name of others do not pass. */
  readonly blocked: readonly string[];
}

/** A finding, as a condition of the IPAllocation. */
export interface SpreadFinding {
  readonly type: 'Spread';
  readonly status: 'True' | 'False';
  readonly reason: SpreadReason;
  readonly message: string;
}

/** The first of the reasons why not, or who serves it. */
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
    return no('LinkHasPrograms', `programs at the ingress of ${link} (tc, XDP) see packets before our rules do`);
  if (fault !== undefined) return no('RulesNotLoaded', `the nftables rules are not in the kernel (${fault})`);
  const away = blocked.join(', ');
  if (members.length === 0) {
    if (away === '')
      return no('NoMember', 'no node can serve it: none that lives has a ready endpoint and a link in its subnet');
    return no('SpreadPathBlocked', `the network drops packets in the name of others from or to ${away}`);
  }
  const without = away === '' ? '' : `, not over ${away}: the network drops packets in the name of others there`;
  return { type: 'Spread', status: 'True', reason: 'Spread', message: `over ${members.join(', ')}${without}` };
}
