/** Generates docs/metrics.md from the metrics of the programs and the alerts of the chart. */
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

/** Returns the page as Markdown. */
export function metricsPage(): string {
  const loop = new Loop({ log: createLogger('page', 'error'), resyncMs: 1, pass: async () => undefined });
  const shared = [...loop.metrics, ...new CallMetrics().metrics];
  // Only names, labels and help texts are needed here, so the sources of the values are left out.
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
    'Only the leading replica exposes metrics of the cluster: otherwise every object would be counted several times.',
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
  return ['| metric | kind | labels | description |', '|---|---|---|---|', ...rows].join('\n');
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
  return `${['| alert | severity | after | meaning, and what to do |', '|---|---|---|---|', ...rows].join('\n')}\n`;
}

const head = `# Metrics and alerts

Both programs serve \`/metrics\` in the text format of Prometheus. The controller serves it on its
Pod's address (\`controller.healthPort\`, 8081), a speaker on its node's loopback address
(\`speaker.healthPort\`, 7931). A speaker uses its node's network, so by default it opens no other port
for metrics. With \`metrics.onNodeNetwork\`, \`metrics.podMonitor.enabled\` or
\`metrics.serviceMonitor.enabled\` it serves \`/metrics\`, and nothing else, on the node's address too
(\`metrics.speakerPort\`, 7933). \`metrics.prometheusRule.enabled\` and \`metrics.dashboard.enabled\` add
the alerts below and a dashboard for Grafana. The counters of the nftables rules are read at most
every five seconds, however often they are scraped; [security](security.md#the-health-ports) says
which hosts reach the ports.

With the Prometheus operator:

\`\`\`
helm upgrade berth charts/berth --namespace berth-system --reset-then-reuse-values \\
  --set metrics.podMonitor.enabled=true --set metrics.prometheusRule.enabled=true --set metrics.dashboard.enabled=true
\`\`\`

[Reasons](reasons.md) explains the values of the label \`reason\`. A deleted Service, pool or node has no
values any more.`;

const alertsHead = `## Alerts

\`charts/berth/files/alerts.yaml\` has these alerts; each is tested with \`promtool\`. For every alert, run
\`kubectl berth status\` first.`;
