/** The page on metrics and alerts: made from what the programs serve and from the chart's rules. */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { type ControllerFacts, controllerMetrics } from '../src/controller/metrics.ts';
import { CallMetrics } from '../src/kube/call-metrics.ts';
import { createLogger } from '../src/runtime/logger.ts';
import { Loop } from '../src/runtime/loop.ts';
import type { MetricKind } from '../src/runtime/metrics.ts';
import { Takeovers } from '../src/speaker/election/takeover-metrics.ts';
import { type SpeakerFacts, speakerMetrics } from '../src/speaker/http/metrics.ts';

interface Rule {
  readonly alert: string;
  readonly for?: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly description: string };
}

/** The page as Markdown. */
export function metricsPage(): string {
  const loop = new Loop({ log: createLogger('page', 'error'), resyncMs: 1, pass: async () => undefined });
  const shared = [...loop.metrics, ...new CallMetrics().metrics];
  // What the metrics are read from is not asked for: nobody reads them here.
  const controller = controllerMetrics({ version: '', parts: shared, informers: {} } as unknown as ControllerFacts);
  const parts = [...new Takeovers().metrics, ...shared];
  const speaker = speakerMetrics({ version: '', parts, informers: {}, dataPath: {} } as unknown as SpeakerFacts);
  const inBoth = new Set(controller.kinds.map(({ name }) => name));
  const both = speaker.kinds.filter(({ name }) => inBoth.has(name));
  const isShared = new Set(both.map(({ name }) => name));
  const own = ({ kinds }: { readonly kinds: readonly MetricKind[] }) => kinds.filter(({ name }) => !isShared.has(name));
  return [
    head,
    '## Both programs',
    table(both),
    '## The controller',
    'Only the replica that leads tells of the cluster; the others would count everything once more.',
    table(own(controller)),
    '## The speaker',
    table(own(speaker)),
    alertsHead,
    alerts(),
  ].join('\n\n');
}

function table(kinds: readonly MetricKind[]): string {
  const rows = kinds.map(
    ({ name, kind, labels, help }) => `| \`${name}\` | ${kind} | ${labels.join(', ')} | ${help} |`,
  );
  return ['| metric | kind | labels | what it says |', '|---|---|---|---|', ...rows].join('\n');
}

function alerts(): string {
  const file = parse(readFileSync('charts/berth/files/alerts.yaml', 'utf8')) as {
    readonly groups: readonly { readonly rules: readonly Rule[] }[];
  };
  const rows = file.groups
    .flatMap(({ rules }) => rules)
    .map(({ alert, for: after = '', labels, annotations }) => {
      const text = annotations.description.trim().replaceAll('{{ $labels.instance }}', 'an instance');
      return `| \`${alert}\` | ${labels.severity} | ${after} | ${text} |`;
    });
  return `${['| alert | severity | after | what it means, and what to do |', '|---|---|---|---|', ...rows].join('\n')}\n`;
}

const head = `# Metrics and alerts

Both programs serve \`/metrics\` in the text format of Prometheus: the controller at its Pod's port \`controller.healthPort\` (8081), a
speaker at its node's loopback (\`speaker.healthPort\`, 7931). A speaker shares its node's network, so nothing else is open before you ask
for it: \`metrics.onNodeNetwork\`, \`metrics.podMonitor.enabled\` or \`metrics.serviceMonitor.enabled\` make it serve \`/metrics\`, and nothing
else, at the node's address too (\`metrics.speakerPort\`, 7933). \`metrics.prometheusRule.enabled\` and \`metrics.dashboard.enabled\` bring the
alerts below and a dashboard for Grafana.

With the Prometheus operator:

\`\`\`
helm upgrade berth charts/berth --namespace berth-system --reset-then-reuse-values \\
  --set metrics.podMonitor.enabled=true --set metrics.prometheusRule.enabled=true --set metrics.dashboard.enabled=true
\`\`\`

Reasons in labels are the words of [reasons](reasons.md). What is gone (a Service, a pool, a node) has no values any more.`;

const alertsHead = `## Alerts

\`charts/berth/files/alerts.yaml\`, each tested with \`promtool\`. For each: \`kubectl berth status\` first.`;
