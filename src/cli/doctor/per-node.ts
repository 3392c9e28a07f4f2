/** Judges each node by what its speaker told. */
import type { NodeFacts } from '../../api/node-facts.ts';
import { answeringSpeakers, type Facts, type JudgedStatus } from './facts.ts';
import { type Found, orOk, unknown } from './finding.ts';

/** What is found on one node; `where` names it. */
export type NodeJudge = (status: JudgedStatus, where: string) => readonly Found[];

/** What is found on each node whose speaker told; unknown where none did. */
export function ofNodes(facts: Facts, judge: NodeJudge, good: string): readonly Found[] {
  const asked = answeringSpeakers(facts);
  if (asked.length === 0) return unknown('no speaker told anything of its node');
  return orOk(
    asked.flatMap(({ node, status }) => judge(status, `node ${node}`)),
    good,
  );
}

/** The same for what the kernel says, which speakers of an older version do not tell. */
export function ofFacts(
  facts: Facts,
  judge: (kernel: Partial<NodeFacts>, where: string, status: JudgedStatus) => readonly Found[],
  good: string,
): readonly Found[] {
  const judged: NodeJudge = (status, where) =>
    status.facts
      ? judge(status.facts, where, status)
      : unknown('its speaker does not tell what the kernel says', where);
  return ofNodes(facts, judged, good);
}
