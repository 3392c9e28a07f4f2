/** `doctor`: checks the cluster for problems of load balancing, and says what to do about them. */

import type { CommandSpec } from '../command.ts';
import type { Answer } from '../output/answer.ts';
import type { Colors } from '../output/colors.ts';
import { exits } from '../output/failure.ts';
import type { TableStyle } from '../output/table.ts';
import { checks } from './checks.ts';
import { examine, type Finding, type Severity } from './finding.ts';
import { gatherFacts } from './gather.ts';

/** The command. */
export const doctorCommand: CommandSpec = {
  name: 'doctor',
  summary: 'check the cluster for problems of load balancing',
  description:
    "Checks Berth's Pods and objects, kube-proxy, other load balancers, and addresses that other hosts use. Through the speakers it also checks the kernel and the links of every node. For each problem it says what to do. A check that cannot run is reported as unknown, with the reason.\nStatus 1: it found an error.",
  examples: [
    ['kubectl berth doctor', 'all problems, the worst first'],
    ['kubectl berth doctor -o wide', 'with the checks that found no problem'],
    ['kubectl berth doctor -o json', 'all findings for a program'],
  ],
  run: async (session) => doctorAnswer(examine(checks, await gatherFacts(session))),
};

/** Makes the answer from the findings. */
export function doctorAnswer(findings: readonly Finding[]): Answer<{ readonly findings: readonly Finding[] }> {
  const isWrong = findings.some(({ severity }) => severity === 'error');
  return {
    facts: { findings },
    text: (style, shown) => doctorText(shown.findings, style),
    exit: isWrong ? exits.wrong : exits.fine,
  };
}

const colorOf: Readonly<Record<Severity, (colors: Colors) => (text: string) => string>> = {
  error: ({ bad }) => bad,
  warn: ({ warn }) => warn,
  unknown: ({ dim }) => dim,
  info: ({ dim }) => dim,
  ok: ({ good }) => good,
};

/** Formats each finding as a paragraph: the remedy is a sentence, which is too long for a column. */
function doctorText(findings: readonly Finding[], { colors, wide }: TableStyle): string {
  const shown = findings.filter(({ severity }) => wide || severity !== 'ok');
  const paragraphs = shown.map(({ severity, id, where, what, todo }) => {
    const head = `${colorOf[severity](colors)(severity.toUpperCase().padEnd(7))} ${colors.bold(id)}${where === '' ? '' : `  ${where}`}`;
    return [head, `        ${what}`, ...(todo === '' ? [] : [`        -> ${todo}`])].join('\n');
  });
  return `${[...paragraphs, summaryOf(findings)].join('\n')}\n`;
}

function summaryOf(findings: readonly Finding[]): string {
  const count = (severity: Severity) => findings.filter((one) => one.severity === severity).length;
  const counts = (['error', 'warn', 'unknown', 'info', 'ok'] as const).map(
    (severity) => `${count(severity)} ${severity}`,
  );
  return `${counts.join(', ')}; docs/troubleshooting.md explains each finding`;
}
