/** `who-has ADDRESS`: whose an address is, or who could have it. */
import { familyOf, type Ip, ipToNumber, parseIp } from '../../addr/ip.ts';
import { isBuggy } from '../../ipam/working-ledger.ts';
import { type Evaluation, readEvaluation } from '../cluster/evaluation.ts';
import type { VipState } from '../cluster/vip-state.ts';
import type { CommandSpec } from '../command.ts';
import { advertisementsOf, nodeEligibilities } from '../explain/node-eligibility.ts';
import type { Answer } from '../output/answer.ts';
import { exits, misused } from '../output/failure.ts';

/** What is known of an address. */
export interface WhoHasFacts {
  readonly address: string;
  /** `InUse`, `Reserved`, `Foreign` (a node's, or another program's), `Free`, `NotGiven` (in a pool that does not give it), `NoPool`. */
  readonly state: string;
  readonly message: string;
  /** The pool that has it. */
  readonly pool?: string;
  /** Its entry in the ledger. */
  readonly vip?: VipState;
  /** The nodes that could announce it. */
  readonly nodes: readonly string[];
}

/** The command. */
export const whoHasCommand: CommandSpec = {
  name: 'who-has',
  summary: 'whose an address is, or which pool would give it',
  description:
    'Looks an address up: ledger, holder, pool, Services.\nStatus 1: nobody has it and no pool gives it, or it is not announced.',
  args: [{ name: '<address>', what: 'IPv4 or IPv6', completes: 'vip' }],
  examples: [['kubectl berth who-has 192.0.2.10', 'which Service is behind 192.0.2.10, and on which node?']],
  run: async (session, { args }) => {
    const address = parseIp(args[0] ?? '');
    if (address === undefined) throw misused(`"${args[0]}" is no IP address`);
    return whoHasAnswer(whoHas(await readEvaluation(session), address));
  },
};

/** Looks it up. */
export function whoHas(picture: Evaluation, address: Ip): WhoHasFacts {
  const { settled, vips, cluster } = picture;
  const { table } = settled;
  const home = table.poolOf(address);
  const vip = vips.find((one) => one.address === address);
  const looks = nodeEligibilities(picture, {
    address,
    pool: home?.name ?? vip?.pool ?? '',
    holder: undefined,
    localService: undefined,
  });
  const nodes = looks.filter(({ reason }) => reason === 'Candidate').map(({ node }) => node);
  const found = (state: string, message: string): WhoHasFacts => ({
    ...{ address, state, message, nodes },
    ...(home && { pool: home.name }),
    ...(vip && { vip }),
  });
  if (vip?.reservedUntil !== undefined)
    return found('Reserved', `kept back until ${vip.reservedUntil}: ${vip.message}`);
  if (vip !== undefined) return found('InUse', `used by ${vip.services.join(', ')}`);
  const node = cluster.nodes.find(({ addresses }) => addresses.includes(address));
  if (node !== undefined) return found('Foreign', `an address of node ${node.name}: no Service gets it`);
  const shown = cluster.services.find(({ ingress }) => ingress.some(({ ip }) => ip === address));
  if (shown !== undefined)
    return found('Foreign', `in the status of Service ${shown.key}, and not in the ledger: another program wrote it`);
  if (home === undefined) {
    const range = cluster.pools.find(({ faults, ranges }) => faults.length > 0 && ranges.length === 0);
    const why = range === undefined ? '' : `; pool ${range.name} gives nothing: ${range.faults[0]?.message}`;
    return found('NoPool', `in no IPAddressPool, or excluded there${why}`);
  }
  const reason = whyNotGiven(picture, home.name, address);
  if (reason !== undefined) return found('NotGiven', `pool ${home.name} has it, and does not give it: ${reason}`);
  const limits = home.autoAssign ? '' : ', to Services that ask for it';
  const silent = advertisementsOf(picture, home.name).length === 0 ? '; no L2Advertisement covers the pool' : '';
  return found('Free', `nobody has it; pool ${home.name} would give it${limits}${silent}`);
}

function whyNotGiven({ settled }: Evaluation, pool: string, address: Ip): string | undefined {
  const home = settled.table.named(pool);
  if (home === undefined) return undefined;
  if (home.avoidBuggyIPs && isBuggy(familyOf(address), ipToNumber(address))) return 'avoidBuggyIPs';
  return home.state === 'Active' ? undefined : `state: ${home.state}`;
}

function whoHasAnswer(facts: WhoHasFacts): Answer {
  const { address, state, message, pool, vip, nodes } = facts;
  const isFine = state === 'Free' || state === 'Reserved' || (state === 'InUse' && vip?.announced === true);
  return {
    facts,
    exit: isFine ? exits.fine : exits.wrong,
    text: ({ paint }) => {
      const lines = [`${paint.bold(address)}   ${state}: ${message}`];
      if (pool !== undefined) lines.push(`  Pool        ${pool}`);
      else if (vip !== undefined) lines.push(`  Pool        ${vip.pool} gave it, which has it no more`);
      if (vip !== undefined && vip.reservedUntil === undefined) {
        const at = vip.links.map(({ name, mac }) => `${name} (${mac})`).join(', ');
        lines.push(
          `  Holder      ${vip.holder === undefined ? paint.bad('none') : `${vip.holder}, ${at || 'no link'}`}`,
        );
        lines.push(`  Announced   ${vip.announced ? paint.good('yes') : paint.bad('no')}: ${vip.message}`);
        lines.push(`  Verified    ${vip.verified}${vip.verifiedReason === '' ? '' : ` (${vip.verifiedReason})`}`);
        if (vip.conflict) lines.push(`  Conflict    ${paint.bad(vip.conflict.message)}`);
      } else if (state === 'Free')
        lines.push(`  Nodes       ${nodes.join(', ') || paint.bad('none could announce it')}`);
      return `${lines.join('\n')}\n`;
    },
  };
}
