/** The results of Kubernetes' suite as a table. */
import { readFile } from 'node:fs/promises';
import { explainedFailures } from './explained.ts';

/** The result of one test. */
export interface Outcome {
  readonly name: string;
  readonly state: 'passed' | 'failed' | 'skipped';
  readonly seconds: number;
  /** Why it failed or was skipped, in the suite's words. */
  readonly reason: string;
}

/** The parts of ginkgo's JSON report that are read here (onsi.github.io/ginkgo, "Generating machine-readable reports"). */
interface SpecReport {
  readonly LeafNodeType: string;
  readonly ContainerHierarchyTexts: readonly string[] | null;
  readonly LeafNodeText: string;
  readonly State: string;
  /** Nanoseconds. */
  readonly RunTime: number;
  readonly Failure?: { readonly Message: string };
}

/** Reads ginkgo's JSON report, without the tests that the run did not select. */
export async function readOutcomes(file: string): Promise<readonly Outcome[]> {
  const suites: readonly { readonly SpecReports: readonly SpecReport[] | null }[] = JSON.parse(
    await readFile(file, 'utf8'),
  );
  return suites.flatMap(({ SpecReports: reports }) => (reports ?? []).filter(isOutcome).map(outcomeOf));
}

/** Whether this is a result: a test that ran or skipped itself, or a step of the suite's set-up that failed. */
function isOutcome({ LeafNodeType: type, State: state, Failure: failure }: SpecReport): boolean {
  if (type !== 'It') return !['passed', 'skipped', 'pending'].includes(state);
  return state !== 'pending' && (state !== 'skipped' || failure !== undefined);
}

function outcomeOf(report: SpecReport): Outcome {
  const texts = [...(report.ContainerHierarchyTexts ?? []), report.LeafNodeText || report.LeafNodeType];
  return {
    name: nameOf(texts.join(' ')),
    state: report.State === 'passed' || report.State === 'skipped' ? report.State : 'failed',
    seconds: Math.round(report.RunTime / 1e9),
    reason: (report.Failure?.Message ?? '').trim(),
  };
}

/** A test's name without its labels, which are part of it so that a run can select by them. */
export function nameOf(text: string): string {
  return text.replaceAll(/ ?\[[^\]]*\]/g, '').trim();
}

/** The failures that are not explained yet. */
export function unexplained(outcomes: readonly Outcome[]): readonly Outcome[] {
  return outcomes.filter(({ name, state }) => state === 'failed' && !(name in explainedFailures));
}

/** The results as a Markdown table, with a line of sums. */
export function tableOf(outcomes: readonly Outcome[]): string {
  const sorted = [...outcomes].sort((a, b) => a.name.localeCompare(b.name));
  const rows = sorted.map(
    ({ name, state, seconds, reason }) =>
      `| ${name} | ${state} | ${seconds} | ${cell(explainedFailures[name], reason)} |`,
  );
  const count = (wanted: Outcome['state']) => outcomes.filter(({ state }) => state === wanted).length;
  const sums = `${count('passed')} passed, ${count('failed')} failed, ${count('skipped')} skipped`;
  return ['| test | result | s | reason |', '|---|---|---|---|', ...rows, '', sums].join('\n');
}

/** The suite's reason on one line, shortened, with our explanation. */
function cell(explanation: string | undefined, reason: string): string {
  const said = reason.split('\n')[0]?.slice(0, 200) ?? '';
  const words = reason !== '' && explanation !== undefined ? `${said} (explained: ${explanation})` : said;
  return words.replaceAll('|', '\\|');
}
