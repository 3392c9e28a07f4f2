/**
 * `simulate --node-down NODE`: shows the new holder of each address if nodes died, and the addresses per node
 * after that.
 */

import type { Ip } from '../../addr/ip.ts';
import { endpointKey } from '../../announce/desired-vips.ts';
import type { NodeEligibility } from '../../announce/node-eligibility.ts';
import { listed } from '../../api/text.ts';
import { type Evaluation, localServiceAt, readEvaluation } from '../cluster/evaluation.ts';
import type { CommandSpec } from '../command.ts';
import { nodeEligibilities } from '../explain/node-eligibility.ts';
import type { Answer } from '../output/answer.ts';
import { exits } from '../output/failure.ts';
import { renderTable } from '../output/table.ts';
import { noSuchNode } from './node-drain.ts';

/** The result of a simulation. */
interface SimulateFacts {
  readonly down: readonly string[];
  /**
   * Addresses that would move; `to` is absent if no node is known to be able to take the address over. `perhaps` names nodes that might
   * take it instead: their speakers did not answer, so their links are not known.
   */
  readonly moves: readonly {
    readonly address: string;
    readonly services: readonly string[];
    readonly from: string;
    readonly to?: string;
    readonly perhaps?: readonly string[];
  }[];
  /** The number of addresses per node, before and after. */
  readonly load: readonly { readonly node: string; readonly before: number; readonly after: number }[];
  /** Services that would have no ready endpoint left. */
  readonly withoutEndpoints: readonly string[];
}

/** The command. */
export const simulateCommand: CommandSpec = {
  name: 'simulate',
  summary: 'show the new holders of the addresses if a node died',
  description:
    "Makes the speakers' decisions over the current state. Nothing is changed.\nStatus 1: an address would have no holder, as far as is known, or a Service no endpoint.",
  options: [{ flags: '--node-down <node>', what: 'the node that dies (can be repeated)', many: true, required: true }],
  examples: [
    ['kubectl berth simulate --node-down node2', 'if node2 died'],
    ['kubectl berth simulate --node-down node2 --node-down node3', 'if node2 and node3 died'],
  ],
  run: async (session, { options }) => {
    const evaluation = await readEvaluation(session);
    const down = options.nodeDown as readonly string[];
    const unknown = down.find((node) => !evaluation.cluster.nodes.some(({ name }) => name === node));
    if (unknown !== undefined) throw noSuchNode(evaluation, unknown);
    return simulateAnswer(simulate(evaluation, down));
  },
};

/**
 * Simulates the death: each address of a dead node goes to the first remaining candidate, as in
 * `election/takeover.ts`.
 */
export function simulate(evaluation: Evaluation, down: readonly string[]): SimulateFacts {
  const { vips, cluster, ranking } = evaluation;
  const gone = new Set(down);
  const held = vips.flatMap(({ holder, ...vip }) => (holder === undefined ? [] : [{ ...vip, holder }]));
  const moves = held
    .filter(({ holder }) => gone.has(holder))
    .map(({ address, pool, holder: from, services }) => {
      const ip = address as Ip;
      const eligibilities = nodeEligibilities(evaluation, {
        address: ip,
        pool,
        holder: from,
        localService: localServiceAt(evaluation, address),
      });
      const nodesThat = (is: NodeEligibility['reason']) =>
        eligibilities.filter(({ node, reason }) => reason === is && !gone.has(node)).map(({ node }) => node);
      const [able, perhaps] = [nodesThat('Candidate'), nodesThat('LinksUnknown')];
      const to = ranking.first(ip, able, () => true);
      const known = { address, services, from, ...(to !== undefined && { to }) };
      return perhaps.length === 0 ? known : { ...known, perhaps };
    });
  const holderAfter = new Map(moves.map(({ address, to }) => [address, to]));
  const load = cluster.nodes.map(({ name: node }) => ({
    node,
    before: held.filter(({ holder }) => holder === node).length,
    after: held.filter(({ address, holder }) => (holderAfter.has(address) ? holderAfter.get(address) : holder) === node)
      .length,
  }));
  const losesAll = (service: string, address: string) => {
    const nodes = [...(evaluation.endpoints.get(endpointKey(service, address as Ip)) ?? [])];
    return nodes.length > 0 && nodes.every((node) => gone.has(node));
  };
  const lost = held.flatMap(({ address, services }) => services.filter((service) => losesAll(service, address)));
  return { down, moves, load, withoutEndpoints: [...new Set(lost)].sort() };
}

function simulateAnswer(facts: SimulateFacts): Answer<SimulateFacts> {
  const isFine = facts.moves.every(({ to }) => to !== undefined) && facts.withoutEndpoints.length === 0;
  return {
    facts,
    exit: isFine ? exits.fine : exits.wrong,
    text: (style, { moves, load, withoutEndpoints, down }) => {
      const { colors } = style;
      const moved = renderTable(
        moves,
        [
          { title: 'ADDRESS', cell: ({ address }) => address },
          { title: 'SERVICE', cell: ({ services }) => services.join(', ') },
          { title: 'FROM', cell: ({ from }) => from },
          { title: 'TO', cell: ({ to, perhaps = [] }) => to ?? colors.bad(perhaps.length > 0 ? 'not known' : 'none') },
          ...(moves.some(({ perhaps }) => perhaps !== undefined)
            ? [{ title: 'PERHAPS', cell: ({ perhaps = [] }: (typeof moves)[number]) => listed(perhaps) }]
            : []),
        ],
        { ...style, empty: `No address is held by ${down.join(' or ')}: nothing would move.` },
      );
      const loads = renderTable(
        load,
        [
          { title: 'NODE', cell: ({ node }) => (down.includes(node) ? colors.dim(`${node} (down)`) : node) },
          { title: 'VIPS NOW', cell: ({ before }) => String(before) },
          { title: 'THEN', cell: ({ after }) => String(after) },
        ],
        style,
      );
      const lost = withoutEndpoints.map(
        (service) => `${colors.bad('NoEndpoints')}: all ready Pods of ${service} are on ${down.join(', ')}\n`,
      );
      return `${moved}\n${loads}${lost.length > 0 ? `\n${lost.join('')}` : ''}`;
    },
  };
}
