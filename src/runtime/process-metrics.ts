/** The metrics that every process exposes about itself, with the names that Prometheus' own clients use. */
import type { Metric } from './metrics.ts';

/** The metrics of this process. `version` is Berth's. */
export function processMetrics(role: string, version: string): readonly Metric[] {
  const startedAt = Date.now() / 1000 - process.uptime();
  const info = { role, version, node_version: process.version };
  return [
    {
      name: 'berth_build_info',
      help: '1, with role and versions as labels',
      kind: 'gauge',
      labels: Object.keys(info),
      read: () => [{ labels: info, value: 1 }],
    },
    {
      name: 'process_cpu_seconds_total',
      help: 'CPU time used, user and system, in seconds',
      kind: 'counter',
      read: () => {
        const { user, system } = process.cpuUsage();
        return [{ value: (user + system) / 1e6 }];
      },
    },
    {
      name: 'process_resident_memory_bytes',
      help: 'Resident memory',
      kind: 'gauge',
      read: () => [{ value: process.memoryUsage.rss() }],
    },
    {
      name: 'process_start_time_seconds',
      help: 'When the process started, in seconds since 1970',
      kind: 'gauge',
      read: () => [{ value: startedAt }],
    },
  ];
}
