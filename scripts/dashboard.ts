/** The Grafana dashboard of Berth, generated from a list of panels. */

/** A panel: its title, its unit, and its queries with their legends. */
interface Panel {
  readonly title: string;
  readonly type?: 'stat' | 'timeseries' | 'table';
  readonly unit?: string;
  /** The width in columns; the dashboard has 24. */
  readonly width?: number;
  readonly queries: readonly (readonly [expression: string, legend: string])[];
}

const panels: readonly Panel[] = [
  {
    ...{ title: 'Services with an address', type: 'stat', width: 4 },
    queries: [['sum(berth_controller_services{reason="Allocated"})', 'with']],
  },
  {
    ...{ title: 'Services without an address, by reason', type: 'stat', width: 8 },
    queries: [['sum by (reason) (berth_controller_services{reason!="Allocated"})', '{{reason}}']],
  },
  {
    ...{ title: 'VIPs announced', type: 'stat', width: 4 },
    queries: [['sum(berth_controller_vips{condition="Announced",status="True"})', 'announced']],
  },
  {
    ...{ title: 'VIPs verified from a second node', type: 'stat', width: 4 },
    queries: [['sum(berth_controller_vips{condition="Verified",status="True"})', 'verified']],
  },
  {
    ...{ title: 'Leading controllers', type: 'stat', width: 4 },
    queries: [['sum(berth_controller_leading)', 'leading']],
  },
  {
    ...{ title: 'Free addresses', unit: 'short' },
    queries: [['sum by (pool, family) (berth_controller_pool_addresses{state="available"})', '{{pool}} {{family}}']],
  },
  {
    title: 'VIPs by node',
    queries: [['count by (node) (berth_controller_vip_holder)', '{{node}}']],
  },
  {
    title: 'VIPs that are not announced, not reachable, or used by another host',
    queries: [
      ['sum by (reason) (berth_controller_vips{condition=~"Announced|Verified",status="False"})', '{{reason}}'],
      ['sum by (reason) (berth_controller_vips{condition="Conflict",status="True"})', '{{reason}}'],
    ],
  },
  {
    ...{ title: 'Changes of holders, per minute', unit: 'short' },
    queries: [['sum by (cause) (rate(berth_speaker_vip_gains_total[5m])) * 60', '{{cause}}']],
  },
  {
    ...{ title: 'Duration of takeovers after the death of a holder', unit: 's' },
    queries: [
      ['histogram_quantile(0.5, sum by (le) (rate(berth_speaker_takeover_duration_seconds_bucket[1h])))', 'median'],
      ['histogram_quantile(0.99, sum by (le) (rate(berth_speaker_takeover_duration_seconds_bucket[1h])))', '99 %'],
    ],
  },
  {
    title: 'Speakers whose heartbeats arrive at other speakers',
    queries: [['sum by (peer) (berth_speaker_peer_alive)', '{{peer}}']],
  },
  {
    ...{ title: 'Traffic of the VIPs', unit: 'Bps' },
    queries: [['topk(10, sum by (vip) (rate(berth_speaker_vip_received_bytes_total[5m])))', '{{vip}}']],
  },
  {
    ...{ title: 'ARP and NDP frames by outcome', unit: 'pps' },
    queries: [['sum by (outcome) (rate(berth_speaker_frames_total[5m])) > 0', '{{outcome}}']],
  },
  {
    ...{ title: 'Requests to the API server', unit: 'reqps' },
    queries: [['sum by (verb, code) (rate(berth_kube_requests_total[5m]))', '{{verb}} {{code}}']],
  },
  {
    ...{ title: 'Resident memory', unit: 'bytes' },
    queries: [
      ['process_resident_memory_bytes * on (instance) group_left (role) berth_build_info', '{{role}} {{instance}}'],
    ],
  },
  {
    ...{ title: 'CPU', unit: 'percentunit' },
    queries: [
      [
        'rate(process_cpu_seconds_total[5m]) * on (instance) group_left (role) berth_build_info',
        '{{role}} {{instance}}',
      ],
    ],
  },
];

const columns = 24;
const height = 8;
// biome-ignore lint/suspicious/noTemplateCurlyInString: the placeholder is Grafana's.
const datasource = { type: 'prometheus', uid: '${datasource}' };

/** Returns the dashboard in Grafana's import format. */
export function dashboard(): unknown {
  let [x, y] = [0, 0];
  const placed = panels.map(({ title, type = 'timeseries', unit = 'short', width = 8, queries }, index) => {
    if (x + width > columns) [x, y] = [0, y + height];
    const gridPos = { x, y, w: width, h: height };
    x += width;
    const targets = queries.map(([expr, legendFormat], i) => {
      return { refId: String.fromCharCode(65 + i), datasource, expr, legendFormat, instant: type !== 'timeseries' };
    });
    return {
      ...{ id: index + 1, type, title, datasource, gridPos, targets },
      fieldConfig: { defaults: { unit, min: 0 }, overrides: [] },
    };
  });
  return {
    ...{ title: 'Berth', uid: 'berth', schemaVersion: 39, tags: ['berth'], timezone: 'browser' },
    time: { from: 'now-3h', to: 'now' },
    templating: { list: [{ name: 'datasource', label: 'Data source', type: 'datasource', query: 'prometheus' }] },
    panels: placed,
  };
}
