/**
 * `drain` and `undrain`. A drain moves the addresses of a node to other nodes, one by one; each new holder
 * takes the address before the node gives it up. After `undrain` the node may hold addresses again.
 */
import { allocationName, type Ip } from '../../addr/ip.ts';
import type { NodeEligibility } from '../../announce/node-eligibility.ts';
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
import { reasonsWithoutHolder, type VipState } from '../cluster/vip-state.ts';
import type { CommandSpec } from '../command.ts';
import { nodeEligibilities } from '../explain/node-eligibility.ts';
import type { Answer } from '../output/answer.ts';
import { exits, wrong } from '../output/failure.ts';
import { durationOf, waitFor } from '../output/wait-for.ts';

/** The result of a drain. */
interface DrainFacts {
  readonly node: string;
  readonly drained: boolean;
  readonly moved: readonly string[];
  /** Addresses that the node still holds. */
  readonly left: readonly string[];
}

const nodeArgument = { name: '<node>', what: 'name of the Node', completes: 'node' } as const;

/** The command. */
export const drainCommand: CommandSpec = {
  name: 'drain',
  summary: 'move the addresses of a node to other nodes, and wait until it holds none',
  description:
    'Annotates the Node with berth.dev/drain. Another node takes each address before this node gives it up, so no new connection fails. The annotation stays until undrain, also over reboots.\nStatus 1: the node still holds an address at the end of the timeout.',
  args: [nodeArgument],
  options: [{ flags: '--timeout <time>', what: 'how long to wait', byDefault: '2m' }],
  examples: [
    ['kubectl berth drain node2', 'drain node2 before a reboot'],
    ['kubectl berth drain node2 --timeout 0s', 'start the drain and do not wait'],
  ],
  run: async (session, { args: [node = ''], options }) => drain(session, node, durationOf(options.timeout)),
};

/** The command. */
export const undrainCommand: CommandSpec = {
  name: 'undrain',
  summary: 'let a node hold addresses again',
  description:
    'Removes the annotation berth.dev/drain from the Node. No address moves back by itself: an address moves only when it must.',
  args: [nodeArgument],
  examples: [['kubectl berth undrain node2', 'end the drain of node2']],
  run: async (session, { args: [node = ''] }) => {
    await annotateNode(session, node, null);
    const facts = { node, draining: false };
    return { facts, text: () => `node ${node} may hold addresses again; no address moves back by itself\n` };
  },
};

async function drain(session: Session, node: string, timeoutMs: number): Promise<Answer> {
  const evaluation = await readEvaluation(session);
  if (!evaluation.cluster.nodes.some(({ name }) => name === node)) throw noSuchNode(evaluation, node);
  const before = evaluation.vips.filter(({ holder }) => holder === node);
  const stuck = before.filter((vip) => !hasOther(evaluation, vip, ['Candidate', 'LinksUnknown']));
  for (const { address } of before.filter((vip) => !stuck.includes(vip) && !hasOther(evaluation, vip, ['Candidate']))) {
    session.terminal.note(`${address} may stay on ${node}: it is not known whether another node can hold it\n`);
  }
  for (const { address } of stuck) {
    session.terminal.note(
      `${address} stays on ${node}: no other node can hold it (kubectl berth who-has ${address})\n`,
    );
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

function drainAnswer(facts: DrainFacts): Answer<DrainFacts> {
  return {
    facts,
    text: (_, { node, drained, moved, left }) =>
      drained
        ? `node ${node} holds no address: ${moved.length} moved\n`
        : `node ${node} still holds ${left.join(', ')}; ${moved.length} moved. The drain continues; kubectl berth undrain ${node} ends it\n`,
    exit: facts.drained ? exits.fine : exits.wrong,
  };
}

/** Whether another node has one of these verdicts for the address. */
function hasOther(
  evaluation: Evaluation,
  { address, pool, holder }: VipState,
  verdicts: readonly NodeEligibility['reason'][],
): boolean {
  const local = localServiceAt(evaluation, address);
  const eligibilities = nodeEligibilities(evaluation, { address: address as Ip, pool, holder, localService: local });
  return eligibilities.some(({ node, reason }) => node !== holder && verdicts.includes(reason));
}

async function heldBy(session: Session, node: string): Promise<readonly string[]> {
  const entries = (await listAll<RawAllocation>(await session.reach(), collections.allocations)).map(parseAllocation);
  return entries.flatMap((entry) => {
    if (entry?.recorded?.node !== node || entry.reservedUntil !== undefined || entry.services.length === 0) return [];
    const reason = allocationCondition(entry, allocationConditions.announced)?.reason ?? '';
    return entry.recorded.since === undefined || reasonsWithoutHolder.has(reason) ? [] : [entry.address];
  });
}

async function annotateNode(session: Session, node: string, value: string | null): Promise<void> {
  const reach = await session.reach();
  const path = `${collections.nodes}/${node}`;
  const body = { metadata: { annotations: { [drainAnnotation]: value } } };
  await ask(reach, { method: 'PATCH', path, body, contentType: 'application/merge-patch+json' }, 'patch');
}

/** Makes a Failure for an unknown node; its hint lists the nodes of the cluster. */
export function noSuchNode({ cluster }: Evaluation, node: string): Error {
  return wrong(
    `there is no node ${node}`,
    `nodes of this cluster: ${cluster.nodes.map(({ name }) => name).join(', ')}`,
  );
}

/** Returns the API path of the IPAllocation of an address. */
export function entryPath(address: string): string {
  return `${collections.allocations}/${allocationName(address as Ip)}`;
}
