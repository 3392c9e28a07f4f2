/** `who-has ADDRESS`: shows which Service has an address, or which pool would give it out. */
import { familyOf, type Ip, ipToNumber } from '../../addr/ip.ts';
import { parseLinkAddress } from '../../addr/subnet.ts';
import type { NodeEligibility } from '../../announce/node-eligibility.ts';
import { isBuggy } from '../../ipam/ledger/free-addresses.ts';
import { type Evaluation, readEvaluation } from '../cluster/evaluation.ts';
import type { VipState } from '../cluster/vip-state.ts';
import type { CommandSpec } from '../command.ts';
import { advertisementsOf, nodeEligibilities } from '../explain/node-eligibility.ts';
import type { Answer } from '../output/answer.ts';
import type { Colors } from '../output/colors.ts';
import { exits } from '../output/failure.ts';
import { addressArgument } from './address-argument.ts';

/** The facts about an address. */
interface WhoHasFacts {
  readonly address: string;
  /**
   * `InUse`, `Reserved`, `Foreign` (of a node, of a link of a node, or of another program), `Free`, `NotGiven`
   * (in a pool that does not give it out), `NoPool`.
   */
  readonly state: string;
  readonly message: string;
  /** The pool that contains it. */
  readonly pool?: string;
  /** Its entry in the ledger. */
  readonly vip?: VipState;
  /** The nodes that could announce it. */
  readonly nodes: readonly string[];
  /** The nodes of which this is not known, because their speakers did not answer. */
  readonly unknownNodes: readonly string[];
}

/** The command. */
export const whoHasCommand: CommandSpec = {
  name: 'who-has',
  summary: 'show which Service has an address, or which pool would give it out',
  description:
    'Looks an address up in the ledger, the pools, the Services and the nodes.\nStatus 1: the address is in use and not announced; or it is not in use, and no pool gives it out or no node could announce it; or it belongs to a node or another program.',
  args: [{ name: '<address>', what: 'IPv4 or IPv6', completes: 'vip' }],
  examples: [['kubectl berth who-has 192.0.2.10', 'the Service and the holder of 192.0.2.10']],
  run: async (session, { args }) => {
    const address = addressArgument(args[0] ?? '');
    return whoHasAnswer(whoHas(await readEvaluation(session), address));
  },
};

/** Looks an address up. */
export function whoHas(evaluation: Evaluation, address: Ip): WhoHasFacts {
  const { settled, vips, cluster } = evaluation;
  const { table } = settled;
  const home = table.poolOf(address);
  const vip = vips.find((one) => one.address === address);
  const eligibilities = nodeEligibilities(evaluation, {
    address,
    pool: home?.name ?? vip?.pool ?? '',
    holder: undefined,
    localService: undefined,
  });
  const nodesThat = (is: NodeEligibility['reason']) =>
    eligibilities.filter(({ reason }) => reason === is).map(({ node: name }) => name);
  const found = (state: string, message: string): WhoHasFacts => ({
    ...{ address, state, message, nodes: nodesThat('Candidate'), unknownNodes: nodesThat('LinksUnknown') },
    ...(home && { pool: home.name }),
    ...(vip && { vip }),
  });
  if (vip?.reservedUntil !== undefined) return found('Reserved', `reserved until ${vip.reservedUntil}: ${vip.message}`);
  if (vip !== undefined) return found('InUse', `used by ${vip.services.join(', ')}`);
  const node = cluster.nodes.find(({ addresses }) => addresses.includes(address));
  if (node !== undefined) return found('Foreign', `an address of the node ${node.name}: Berth gives it to no Service`);
  const shown = cluster.services.find(({ ingress }) => ingress.some(({ ip }) => ip === address));
  if (shown !== undefined)
    return found('Foreign', `in the status of Service ${shown.key}, but not in the ledger: another program wrote it`);
  const place = linkWith(evaluation, address);
  if (place !== undefined) {
    const advice = home === undefined ? '' : `: exclude it from the pool ${home.name}, which would give it out`;
    return found('Foreign', `an address of the link ${place}${advice}`);
  }
  if (home === undefined) {
    const range = cluster.pools.find(({ faults, ranges }) => faults.length > 0 && ranges.length === 0);
    const why = range === undefined ? '' : `; pool ${range.name} gives out nothing: ${range.faults[0]?.message}`;
    return found('NoPool', `in no IPAddressPool, or excluded there${why}`);
  }
  const reason = whyNotGiven(evaluation, home.name, address);
  if (reason !== undefined) return found('NotGiven', `in pool ${home.name}, which does not give it out: ${reason}`);
  const limits = home.autoAssign ? '' : ' to Services that ask for it';
  const silent =
    advertisementsOf(evaluation, { address, pool: home.name }).length === 0
      ? '; no L2Advertisement covers the pool'
      : '';
  return found('Free', `no Service has it; pool ${home.name} would give it out${limits}${silent}`);
}

/** The link that has an address, and its node. */
function linkWith({ answers }: Evaluation, address: Ip): string | undefined {
  const links = answers.flatMap(({ node, status }) => (status?.links ?? []).map((link) => ({ node, ...link })));
  const found = links.find(({ addresses }) => addresses.some((own) => parseLinkAddress(own)?.address === address));
  return found && `${found.name} of node ${found.node}`;
}

function whyNotGiven({ settled }: Evaluation, pool: string, address: Ip): string | undefined {
  const home = settled.table.named(pool);
  if (home === undefined) return undefined;
  if (home.avoidBuggyIPs && isBuggy(familyOf(address), ipToNumber(address))) return 'avoidBuggyIPs';
  return home.state === 'Active' ? undefined : `state: ${home.state}`;
}

function whoHasAnswer(facts: WhoHasFacts): Answer<WhoHasFacts> {
  const { state, vip, nodes } = facts;
  const isFine =
    (state === 'Free' && nodes.length > 0) || state === 'Reserved' || (state === 'InUse' && vip?.announced === true);
  return {
    facts,
    exit: isFine ? exits.fine : exits.wrong,
    text: ({ colors }, shown) => whoHasText(shown, colors),
  };
}

function whoHasText({ address, state, message, pool, vip, nodes, unknownNodes }: WhoHasFacts, colors: Colors): string {
  const lines = [`${colors.bold(address)}   ${state}: ${message}`];
  if (pool !== undefined) lines.push(`  Pool        ${pool}`);
  else if (vip !== undefined)
    lines.push(`  Pool        none; it came from ${vip.pool}, which does not contain it any more`);
  if (vip !== undefined && vip.reservedUntil === undefined) {
    const at = vip.links.map(({ name, mac }) => `${name} (${mac})`).join(', ');
    lines.push(`  Holder      ${vip.holder === undefined ? colors.bad('none') : `${vip.holder}, ${at || 'no link'}`}`);
    lines.push(`  Announced   ${vip.announced ? colors.good('yes') : colors.bad('no')}: ${vip.message}`);
    lines.push(`  Verified    ${vip.verified}${vip.verifiedReason === '' ? '' : ` (${vip.verifiedReason})`}`);
    if (vip.conflict) lines.push(`  Conflict    ${colors.bad(vip.conflict.message)}`);
  } else if (state === 'Free') {
    const none = unknownNodes.length > 0 ? 'none is known to be able to announce it' : 'none can announce it';
    lines.push(`  Nodes       ${nodes.join(', ') || colors.bad(none)}`);
    if (unknownNodes.length > 0) lines.push(`  Not known   ${unknownNodes.join(', ')}: no answer from the speaker`);
  }
  return `${lines.join('\n')}\n`;
}
