/** `doctor`: looks for what keeps load balancing from working, and says what to do. */

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
  summary: 'look for what keeps load balancing from working',
  description:
    "Looks at Berth's Pods and objects, at kube-proxy, at other load balancers, at the addresses that others use, and by the speakers at every node's kernel and links. Says what to do about what it finds. What it cannot look at it calls unknown.\nStatus 1: it found an error.",
  examples: [
    ['kubectl berth doctor', 'what is wrong, the worst first'],
    ['kubectl berth doctor -o wide', 'with all that is well'],
    ['kubectl berth doctor -o json', 'all findings for a program'],
  ],
  run: async (session) => doctorAnswer(examine(checks, await gatherFacts(session))),
};

/** The answer. */
export function doctorAnswer(findings: readonly Finding[]): Answer {
  const isWrong = findings.some(({ severity }) => severity === 'error');
  return {
    facts: { findings },
    text: (style) => doctorText(findings, style),
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

/** Each finding is a paragraph: what to do is a sentence, which no column holds. */
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
  return `${counts.join(', ')}; docs/troubleshooting.md has more on each word`;
}
