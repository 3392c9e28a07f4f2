/** `move VIP NODE`: moves an address to a node, make-before-break. */
import type { Ip } from '../../addr/ip.ts';
import { moveAnnotation, type RawAllocation } from '../../api/allocation.ts';
import { type Evaluation, localServiceAt, readEvaluation } from '../cluster/evaluation.ts';
import { ask, readOne } from '../cluster/read.ts';
import type { Session } from '../cluster/session.ts';
import type { CommandSpec } from '../command.ts';
import { mayAnnounce, nodeEligibilities } from '../explain/node-eligibility.ts';
import type { Answer } from '../output/answer.ts';
import { exits, wrong } from '../output/failure.ts';
import { nodeVerdictText } from '../output/reason-text.ts';
import { durationOf, waitFor } from '../output/wait-for.ts';
import { addressArgument } from './address-argument.ts';
import { entryPath, noSuchNode } from './node-drain.ts';

/** The command. */
export const moveCommand: CommandSpec = {
  name: 'move',
  summary: 'move an address to a node, and wait until the node holds it',
  description:
    'Checks that the node can hold the address, then annotates the IPAllocation with berth.dev/move-to. The new holder takes the address before the old one gives it up.\nStatus 1: the node cannot hold the address, or does not hold it at the end of the timeout.',
  args: [
    { name: '<address>', what: 'the address', completes: 'vip' },
    { name: '<node>', what: 'the node', completes: 'node' },
  ],
  options: [{ flags: '--timeout <time>', what: 'how long to wait', byDefault: '1m' }],
  examples: [['kubectl berth move 192.0.2.10 node3', 'move 192.0.2.10 to node3']],
  run: async (session, { args: [text = '', node = ''], options }) => {
    const address = addressArgument(text);
    const timeoutMs = durationOf(options.timeout);
    const from = assertMovable(await readEvaluation(session), address, node);
    if (from === node) return answer({ address, node, moved: true }, `${node} already holds ${address}\n`);
    return move(session, { address, node, timeoutMs });
  },
};

/** Throws a Failure with the reason if the node cannot hold the address. Returns the current holder. */
function assertMovable(evaluation: Evaluation, address: Ip, node: string): string | undefined {
  const vip = evaluation.vips.find((one) => one.address === address && one.reservedUntil === undefined);
  if (vip === undefined) throw wrong(`no Service has ${address}`, `kubectl berth who-has ${address} shows its state`);
  const placed = { address, pool: vip.pool, holder: vip.holder };
  const eligibilities = nodeEligibilities(evaluation, { ...placed, localService: localServiceAt(evaluation, address) });
  const eligibility = eligibilities.find((one) => one.node === node);
  if (eligibility === undefined) throw noSuchNode(evaluation, node);
  if (eligibility.reason === 'Holder') return node;
  // If its links are not known, its speaker decides.
  if (mayAnnounce(eligibility)) return vip.holder;
  const able = eligibilities.filter(({ reason }) => reason === 'Candidate').map((one) => one.node);
  const hint = able.length > 0 ? `nodes that can: ${able.join(', ')}` : 'no other node can hold it either';
  const detail = eligibility.detail === '' ? '' : ` (${eligibility.detail})`;
  throw wrong(
    `${node} cannot hold ${address}: ${eligibility.reason}: ${nodeVerdictText[eligibility.reason]}${detail}`,
    hint,
  );
}

interface Move {
  readonly address: string;
  readonly node: string;
  readonly timeoutMs: number;
}

async function move(session: Session, { address, node, timeoutMs }: Move): Promise<Answer> {
  const reach = await session.reach();
  const path = entryPath(address);
  const body = { metadata: { annotations: { [moveAnnotation]: node } } };
  await ask(reach, { method: 'PATCH', path, body, contentType: 'application/merge-patch+json' }, 'patch');
  let at = '';
  const moved = await waitFor(session, timeoutMs, async () => {
    const holder = (await readOne<RawAllocation>(reach, path))?.status?.holder;
    at = holder?.node ?? '';
    return at === node && holder?.since !== undefined ? undefined : `holder of ${address}: ${at || 'none'}`;
  });
  if (moved) return answer({ address, node, moved }, `${node} holds ${address}\n`);
  const end = `kubectl annotate ipallocation ${entryPath(address).split('/').at(-1)} berth.dev/move-to- cancels the move`;
  return answer(
    { address, node, moved },
    `${at || 'no node'} still holds ${address}; it moves to ${node} as soon as it can; ${end}\n`,
  );
}

function answer(
  facts: { readonly address: string; readonly node: string; readonly moved: boolean },
  text: string,
): Answer {
  return { facts, text: () => text, exit: facts.moved ? exits.fine : exits.wrong };
}
