/** `move VIP NODE`: brings an address to a node, make-before-break. */
import { parseIp } from '../../addr/ip.ts';
import { moveAnnotation, type RawAllocation } from '../../api/allocation.ts';
import { type Evaluation, localServiceAt, readEvaluation } from '../cluster/evaluation.ts';
import { ask, readOne } from '../cluster/read.ts';
import type { Session } from '../cluster/session.ts';
import type { CommandSpec } from '../command.ts';
import { nodeEligibilities } from '../explain/node-eligibility.ts';
import type { Answer } from '../output/answer.ts';
import { exits, misused, wrong } from '../output/failure.ts';
import { nodeWords } from '../output/reason-text.ts';
import { durationOf, waitFor } from '../output/wait-for.ts';
import { entryPath, noSuchNode } from './node-drain.ts';

/** The command. */
export const moveCommand: CommandSpec = {
  name: 'move',
  summary: 'bring an address to a node, and wait until it is there',
  description:
    'Annotates the IPAllocation with berth.dev/move-to, after looking whether that node can have the address. The new holder takes it before the old one gives it up.\nStatus 1: the node cannot have it, or does not by the end of the timeout.',
  args: [
    { name: '<address>', what: 'the address', completes: 'vip' },
    { name: '<node>', what: 'the node', completes: 'node' },
  ],
  options: [{ flags: '--timeout <time>', what: 'how long to wait', byDefault: '1m' }],
  examples: [['kubectl berth move 192.0.2.10 node3', 'node3 is to hold 192.0.2.10']],
  run: async (session, { args: [text = '', node = ''], options }) => {
    const address = parseIp(text);
    if (address === undefined) throw misused(`"${text}" is no IP address`);
    const timeoutMs = durationOf(options.timeout);
    const from = assertMovable(await readEvaluation(session), address, node);
    if (from === node) return answer({ address, node, moved: true }, `${address} is at ${node} already\n`);
    return move(session, { address, node, timeoutMs });
  },
};

/** Throws a Failure with the reason where the node cannot have it; gives who holds it now. */
function assertMovable(picture: Evaluation, address: string, node: string): string | undefined {
  const vip = picture.vips.find((one) => one.address === address && one.reservedUntil === undefined);
  if (vip === undefined) throw wrong(`no Service has ${address}`, `kubectl berth who-has ${address} tells about it`);
  const placed = { address: parseIp(address) ?? ('' as never), pool: vip.pool, holder: vip.holder };
  const looks = nodeEligibilities(picture, { ...placed, localService: localServiceAt(picture, address) });
  const look = looks.find((one) => one.node === node);
  if (look === undefined) throw noSuchNode(picture, node);
  if (look.reason === 'Holder') return node;
  if (look.reason === 'Candidate') return vip.holder;
  const able = looks.filter(({ reason }) => reason === 'Candidate').map((one) => one.node);
  const hint = able.length > 0 ? `these can: ${able.join(', ')}` : 'no other node can either';
  const detail = look.detail === '' ? '' : ` (${look.detail})`;
  throw wrong(`${node} cannot have ${address}: ${look.reason}: ${nodeWords[look.reason]}${detail}`, hint);
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
    return at === node && holder?.since !== undefined ? undefined : `${address} is at ${at || 'no node'}`;
  });
  if (moved) return answer({ address, node, moved }, `${address} is at ${node}\n`);
  const end = `kubectl annotate ipallocation ${entryPath(address).split('/').at(-1)} berth.dev/move-to- ends the wish`;
  return answer(
    { address, node, moved },
    `${address} is still at ${at || 'no node'}: it goes to ${node} when it can; ${end}\n`,
  );
}

function answer(
  facts: { readonly address: string; readonly node: string; readonly moved: boolean },
  text: string,
): Answer {
  return { facts, text: () => text, exit: facts.moved ? exits.fine : exits.wrong };
}
