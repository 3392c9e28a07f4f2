/** `simulate --node-down NODE`: where each address would go if nodes died, and how the load would be then. */
import type { Ip } from '../../addr/ip.ts';
import { type Evaluation, localServiceAt, readEvaluation } from '../cluster/evaluation.ts';
import type { CommandSpec } from '../command.ts';
import { nodeEligibilities } from '../explain/node-eligibility.ts';
import type { Answer } from '../output/answer.ts';
import { exits } from '../output/failure.ts';
import { renderTable } from '../output/table.ts';
import { noSuchNode } from './node-drain.ts';

/** What would become of it. */
export interface SimulateFacts {
  readonly down: readonly string[];
  /** Addresses that would move; `to` is absent where nobody could take it. */
  readonly moves: readonly {
    readonly address: string;
    readonly services: readonly string[];
    readonly from: string;
    readonly to?: string;
  }[];
  /** Addresses per node, before and after. */
  readonly load: readonly { readonly node: string; readonly before: number; readonly after: number }[];
  /** Services that would have no endpoint left. */
  readonly withoutEndpoints: readonly string[];
}

/** The command. */
export const simulateCommand: CommandSpec = {
  name: 'simulate',
  summary: 'where the addresses would go if a node died',
  description:
    'Decides by the same rules as the speakers, over what is known now; changes nothing.\nStatus 1: an address would have no holder, or a Service no endpoint.',
  options: [
    { flags: '--node-down <node>', what: 'the node that dies (repeat it for more)', many: true, required: true },
  ],
  examples: [
    ['kubectl berth simulate --node-down node2', 'what if node2 died?'],
    ['kubectl berth simulate --node-down node2 --node-down node3', 'and node3 with it?'],
  ],
  run: async (session, { options }) => {
    const picture = await readEvaluation(session);
    const down = options.nodeDown as readonly string[];
    const unknown = down.find((node) => !picture.cluster.nodes.some(({ name }) => name === node));
    if (unknown !== undefined) throw noSuchNode(picture, unknown);
    return simulateAnswer(simulate(picture, down));
  },
};

/** Decides: each orphan goes to the first candidate that is left, as `election/takeover.ts` chooses. */
export function simulate(picture: Evaluation, down: readonly string[]): SimulateFacts {
  const { vips, cluster, ranking } = picture;
  const gone = new Set(down);
  const held = vips.flatMap(({ holder, ...vip }) => (holder === undefined ? [] : [{ ...vip, holder }]));
  const moves = held
    .filter(({ holder }) => gone.has(holder))
    .map(({ address, pool, holder: from, services }) => {
      const ip = address as Ip;
      const looks = nodeEligibilities(picture, {
        address: ip,
        pool,
        holder: from,
        localService: localServiceAt(picture, address),
      });
      const able = looks
        .filter(({ node, reason }) => reason === 'Candidate' && !gone.has(node))
        .map(({ node }) => node);
      const to = ranking.first(ip, able, () => true);
      return { address, services, from, ...(to !== undefined && { to }) };
    });
  const holderAfter = new Map(moves.map(({ address, to }) => [address, to]));
  const load = cluster.nodes.map(({ name: node }) => ({
    node,
    before: held.filter(({ holder }) => holder === node).length,
    after: held.filter(({ address, holder }) => (holderAfter.has(address) ? holderAfter.get(address) : holder) === node)
      .length,
  }));
  const ours = new Set(held.flatMap(({ services }) => services));
  const lost = [...picture.endpoints]
    .filter(([service, nodes]) => ours.has(service) && nodes.size > 0 && [...nodes].every((node) => gone.has(node)))
    .map(([service]) => service);
  return { down, moves, load, withoutEndpoints: lost.sort() };
}

function simulateAnswer(facts: SimulateFacts): Answer {
  const { moves, load, withoutEndpoints, down } = facts;
  const isFine = moves.every(({ to }) => to !== undefined) && withoutEndpoints.length === 0;
  return {
    facts,
    exit: isFine ? exits.fine : exits.wrong,
    text: (style) => {
      const { paint } = style;
      const moved = renderTable(
        moves,
        [
          { title: 'ADDRESS', cell: ({ address }) => address },
          { title: 'SERVICE', cell: ({ services }) => services.join(', ') },
          { title: 'FROM', cell: ({ from }) => from },
          { title: 'TO', cell: ({ to }) => to ?? paint.bad('nobody') },
        ],
        { ...style, empty: `No address is at ${down.join(', ')}: nothing would move.` },
      );
      const loads = renderTable(
        load,
        [
          { title: 'NODE', cell: ({ node }) => (down.includes(node) ? paint.dim(`${node} (down)`) : node) },
          { title: 'VIPS NOW', cell: ({ before }) => String(before) },
          { title: 'THEN', cell: ({ after }) => String(after) },
        ],
        style,
      );
      const lost = withoutEndpoints.map(
        (service) => `${paint.bad('NoEndpoints')}: all ready Pods of ${service} are on ${down.join(', ')}\n`,
      );
      return `${moved}\n${loads}${lost.length > 0 ? `\n${lost.join('')}` : ''}`;
    },
  };
}
