/** `status`: shows an overview of Berth in the cluster. */

import { readEvaluationOnly } from '../cluster/evaluation.ts';
import type { CommandSpec } from '../command.ts';
import type { Answer } from '../output/answer.ts';
import { exits } from '../output/failure.ts';
import { renderTable, type TableStyle } from '../output/table.ts';
import { type Counted, type StatusFacts, statusFacts } from './status-facts.ts';

/** The command. */
export const statusCommand: CommandSpec = {
  name: 'status',
  summary: 'show an overview of Berth in the cluster',
  description:
    'Shows which Pods of Berth run, how full the pools are, how many Services have no address, and how many addresses are not announced, by reason.\nStatus 1: a Service has no address, an address is not announced, or there is a warning.',
  examples: [
    ['kubectl berth status', 'the overview'],
    ['kubectl berth status -o json', 'the same for a program'],
  ],
  run: async (session) => statusAnswer(statusFacts(await readEvaluationOnly(session))),
};

/** The answer. */
function statusAnswer(facts: StatusFacts): Answer<StatusFacts> {
  const { services, vips, warnings } = facts;
  const isFine = services.withoutAddress.length + vips.silent.length + warnings.length === 0;
  return { facts, text: (style, shown) => statusText(shown, style), exit: isFine ? exits.fine : exits.wrong };
}

function statusText(facts: StatusFacts, style: TableStyle): string {
  const { controller, speakers, services, vips, pools, warnings, notes } = facts;
  const { colors } = style;
  const of = (ready: number, wanted: number) => {
    const text = `${ready}/${wanted} ready`;
    return ready < wanted || wanted === 0 ? colors.bad(text) : colors.good(text);
  };
  const ready = speakers.filter((speaker) => speaker.ready).length;
  const lines = [
    `Berth        ${facts.version ?? colors.bad('not found')} in namespace ${facts.namespace}`,
    `Controller   ${of(controller.ready, controller.wanted)}${controller.leader ? `, ${controller.leader} leads` : `, ${colors.bad('no leader')}`}`,
    `Speakers     ${of(ready, speakers.length)}`,
    `Services     ${services.withAddress} with an address${without(services.withoutAddress, 'without', colors.bad)}${services.others > 0 ? `, ${services.others} of other classes` : ''}`,
    `VIPs         ${vips.announced} announced, ${vips.verified} verified${without(vips.silent, 'not announced', colors.bad)}${vips.reserved > 0 ? `, ${vips.reserved} reserved` : ''}`,
  ];
  const poolTable = renderTable(
    pools,
    [
      { title: 'POOL', cell: ({ name }) => name },
      { title: 'STATE', cell: ({ state }, { warn }) => (state === 'Active' ? state : warn(state)) },
      { title: 'USED', cell: ({ used }) => used },
      { title: 'FREE', cell: ({ free }, { warn }) => (free === '0' ? warn(free) : free) },
    ],
    { ...style, empty: 'no IPAddressPool' },
  );
  const nodeTable = renderTable(
    speakers,
    [
      { title: 'NODE', cell: ({ node }) => node },
      { title: 'SPEAKER', cell: (one, { good, bad }) => (one.ready ? good('Ready') : bad('NotReady')) },
      { title: 'VIPS', cell: (one) => String(one.vips) },
    ],
    { ...style, empty: 'no speaker' },
  );
  const list = (title: string, texts: readonly string[], as: (text: string) => string) =>
    texts.length === 0 ? '' : `\n${as(title)}\n${texts.map((text) => `  ${text}\n`).join('')}`;
  return `${lines.join('\n')}\n\n${poolTable}\n${nodeTable}${list('Warnings', warnings, colors.warn)}${list('Notes', notes, colors.dim)}`;
}

function without(counted: readonly Counted[], word: string, as: (text: string) => string): string {
  if (counted.length === 0) return '';
  const all = counted.reduce((sum, { count }) => sum + count, 0);
  const reasons = counted.map(({ reason, count }) => `${reason} ${count}`).join(', ');
  return `, ${as(`${all} ${word}`)} (${reasons})`;
}
