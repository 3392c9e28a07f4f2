/** `vips`: lists every address of the ledger with its Services and its holder. */
import { listed } from '../../api/text.ts';
import { readEvaluation } from '../cluster/evaluation.ts';
import type { VipState } from '../cluster/vip-state.ts';
import type { CommandSpec } from '../command.ts';
import type { Answer } from '../output/answer.ts';
import { exits } from '../output/failure.ts';
import { ageOf, type Column, renderTable } from '../output/table.ts';

/** The command. */
export const vipsCommand: CommandSpec = {
  name: 'vips',
  summary: 'list the addresses with Service, pool, holder, link and verification',
  description:
    'Lists the addresses of the ledger; with -n, those of one namespace.\nStatus 1: an address is not announced, or another node cannot reach it.',
  examples: [
    ['kubectl berth vips', 'all addresses and their holders'],
    ['kubectl berth vips -n shop -o wide', 'the addresses of one namespace, with MAC addresses and messages'],
  ],
  run: async (session) => {
    const { vips, cluster } = await readEvaluation(session);
    const { namespace } = session.options;
    const isIn = ({ services }: VipState) => services.some((service) => service.startsWith(`${namespace}/`));
    return vipsAnswer(namespace === undefined ? vips : vips.filter(isIn), cluster.now);
  },
};

function columnsAt(now: number): readonly Column<VipState>[] {
  const isReserved = ({ reservedUntil }: VipState) => reservedUntil !== undefined;
  return [
    { title: 'ADDRESS', cell: ({ address }) => address },
    { title: 'SERVICE', cell: ({ services }) => listed(services, 3) },
    { title: 'POOL', cell: ({ pool }) => pool },
    { title: 'HOLDER', cell: ({ holder = '' }) => holder },
    { title: 'LINK', cell: ({ links }) => links.map(({ name }) => name).join(', ') },
    {
      title: 'ANNOUNCED',
      cell: (vip, { good, bad, dim }) =>
        isReserved(vip) ? dim('Reserved') : vip.announced ? good('Yes') : bad(vip.reason),
    },
    {
      title: 'VERIFIED',
      cell: ({ verified, verifiedReason }, { good, bad }) =>
        verified === 'True' ? good('Yes') : verified === 'False' ? bad(verifiedReason) : verifiedReason,
    },
    { title: 'SINCE', cell: ({ since }) => (since === undefined ? '' : ageOf(now - Date.parse(since))) },
    { title: 'MAC', cell: ({ links }) => links.map(({ mac }) => mac).join(', '), wide: true },
    { title: 'MOVE TO', cell: ({ moveTo = '' }) => moveTo, wide: true },
    { title: 'MESSAGE', cell: ({ message }) => message, wide: true },
  ];
}

function vipsAnswer(facts: readonly VipState[], now: number): Answer<readonly VipState[]> {
  const inUse = facts.filter(({ reservedUntil }) => reservedUntil === undefined);
  const isFine = inUse.every(({ announced, verified }) => announced && verified !== 'False');
  return {
    facts,
    text: (style, shown) => renderTable(shown, columnsAt(now), { ...style, empty: 'No address is in use.' }),
    exit: isFine ? exits.fine : exits.wrong,
  };
}
