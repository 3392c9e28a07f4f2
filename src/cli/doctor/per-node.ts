/** Judges each node by the status of its speaker. */
import type { NodeFacts } from '../../api/node-facts.ts';
import { answeringSpeakers, type Facts, type JudgedStatus } from './facts.ts';
import { type Found, orOk, unknown } from './finding.ts';

/** Judges one node; `where` names it. */
type NodeJudge = (status: JudgedStatus, where: string) => readonly Found[];

/** Judges each node whose speaker answered. Without any answer the finding is `unknown`. */
export function ofNodes(facts: Facts, judge: NodeJudge, good: string): readonly Found[] {
  const asked = answeringSpeakers(facts);
  if (asked.length === 0) return unknown('no speaker reported the state of its node');
  return orOk(
    asked.flatMap(({ node, status }) => judge(status, `node ${node}`)),
    good,
  );
}

/** Judges each node by the settings of its kernel. Speakers of an older version do not report them. */
export function ofFacts(
  facts: Facts,
  judge: (kernel: Partial<NodeFacts>, where: string, status: JudgedStatus) => readonly Found[],
  good: string,
): readonly Found[] {
  const judged: NodeJudge = (status, where) =>
    status.facts
      ? judge(status.facts, where, status)
      : unknown('its speaker does not report the settings of the kernel', where);
  return ofNodes(facts, judged, good);
}
