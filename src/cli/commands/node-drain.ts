/** `drain` and `undrain`: a node gives its addresses away, one by one, each taken over before it is given up; and may have some again. */
import { allocationName, type Ip } from '../../addr/ip.ts';
import {
  allocationCondition,
  allocationConditions,
  parseAllocation,
  type RawAllocation,
} from '../../api/allocation.ts';
import { drainAnnotation } from '../../api/node.ts';
import { collections } from '../../kube/resources.ts';
import { type Evaluation, localServiceAt, readEvaluation } from '../cluster/evaluation.ts';
import { ask, listAll } from '../cluster/read.ts';
import type { Session } from '../cluster/session.ts';
import { heldByNobody, type VipState } from '../cluster/vip-state.ts';
import type { CommandSpec } from '../command.ts';
import { nodeEligibilities } from '../explain/node-eligibility.ts';
import type { Answer } from '../output/answer.ts';
import { exits, wrong } from '../output/failure.ts';
import { durationOf, waitFor } from '../output/wait-for.ts';

/** What became of it. */
interface DrainFacts {
  readonly node: string;
  readonly drained: boolean;
  readonly moved: readonly string[];
  /** Addresses that it still holds. */
  readonly left: readonly string[];
}

const nodeArgument = { name: '<node>', what: 'name of the Node', completes: 'node' } as const;

/** The command. */
export const drainCommand: CommandSpec = {
  name: 'drain',
  summary: 'let a node give its addresses away, and wait until it holds none',
  description:
    'Annotates the Node with berth.dev/drain. Its addresses are taken over one by one before they are given up: no new connection fails. The annotation stays until undrain, over reboots too.\nStatus 1: the node still holds an address at the end of the timeout.',
  args: [nodeArgument],
  options: [{ flags: '--timeout <time>', what: 'how long to wait', byDefault: '2m' }],
  examples: [
    ['kubectl berth drain node2', 'before node2 is rebooted'],
    ['kubectl berth drain node2 --timeout 0s', 'say so and do not wait'],
  ],
  run: async (session, { args: [node = ''], options }) => drain(session, node, durationOf(options.timeout)),
};

/** The command. */
export const undrainCommand: CommandSpec = {
  name: 'undrain',
  summary: 'let a node have addresses again',
  description:
    'Takes the annotation berth.dev/drain from the Node. No address comes back by itself: nothing moves without need.',
  args: [nodeArgument],
  examples: [['kubectl berth undrain node2', 'node2 is back']],
  run: async (session, { args: [node = ''] }) => {
    await annotateNode(session, node, null);
    const facts = { node, draining: false };
    return { facts, text: () => `node ${node} may have addresses again; none moves back by itself\n` };
  },
};

async function drain(session: Session, node: string, timeoutMs: number): Promise<Answer> {
  const picture = await readEvaluation(session);
  if (!picture.cluster.nodes.some(({ name }) => name === node)) throw noSuchNode(picture, node);
  const before = picture.vips.filter(({ holder }) => holder === node);
  const stuck = before.filter((vip) => !hasOther(picture, vip));
  for (const { address } of stuck) {
    session.terminal.note(`${address} stays: no other node can have it (kubectl berth who-has ${address})\n`);
  }
  await annotateNode(session, node, 'true');
  let left: readonly string[] = before.map(({ address }) => address);
  await waitFor(session, timeoutMs, async () => {
    left = await heldBy(session, node);
    const waiting = left.filter((address) => !stuck.some((vip) => vip.address === address));
    return waiting.length === 0
      ? undefined
      : `${node} still holds ${waiting.length}: ${waiting.slice(0, 5).join(', ')}`;
  });
  const moved = before.map(({ address }) => address).filter((address) => !left.includes(address));
  return drainAnswer({ node, drained: left.length === 0, moved, left });
}

function drainAnswer(facts: DrainFacts): Answer {
  const { node, drained, moved, left } = facts;
  const end = drained
    ? `node ${node} holds no address: ${moved.length} moved\n`
    : `node ${node} still holds ${left.join(', ')}; ${moved.length} moved. It goes on draining; kubectl berth undrain ${node} ends that\n`;
  return { facts, text: () => end, exit: drained ? exits.fine : exits.wrong };
}

/** Could another node hold it? */
function hasOther(picture: Evaluation, { address, pool, holder }: VipState): boolean {
  const local = localServiceAt(picture, address);
  const looks = nodeEligibilities(picture, { address: address as Ip, pool, holder, localService: local });
  return looks.some(({ reason }) => reason === 'Candidate');
}

async function heldBy(session: Session, node: string): Promise<readonly string[]> {
  const entries = (await listAll<RawAllocation>(await session.reach(), collections.allocations)).map(parseAllocation);
  return entries.flatMap((entry) => {
    if (entry?.recorded?.node !== node || entry.reservedUntil !== undefined || entry.services.length === 0) return [];
    const said = allocationCondition(entry, allocationConditions.announced)?.reason ?? '';
    return entry.recorded.since === undefined || heldByNobody.has(said) ? [] : [entry.address];
  });
}

async function annotateNode(session: Session, node: string, value: string | null): Promise<void> {
  const reach = await session.reach();
  const path = `${collections.nodes}/${node}`;
  const body = { metadata: { annotations: { [drainAnnotation]: value } } };
  await ask(reach, { method: 'PATCH', path, body, contentType: 'application/merge-patch+json' }, 'patch');
}

/** A Failure that names those that there are. */
export function noSuchNode({ cluster }: Evaluation, node: string): Error {
  return wrong(`there is no node ${node}`, `there are ${cluster.nodes.map(({ name }) => name).join(', ')}`);
}

/** The path of an address's entry. */
export function entryPath(address: string): string {
  return `${collections.allocations}/${allocationName(address as Ip)}`;
}
