/** Prints the allocation bench's results as a table, next to their goals. */
import type { Results } from './allocate-phases.ts';
import { inWords, writesOf } from './allocate-requests.ts';

/** A line of the table: a label, the goal, and the value for each number of Services. */
type Row = readonly [what: string, aim: string, value: (results: Results) => string | undefined];

const rows: readonly Row[] = [
  ['no controller: creates/s', '', limit('created')],
  ['no controller: creates/s, + status patch', '', limit('patched')],
  ['no controller: creates/s, + ledger entry, status patch', '', limit('bound')],
  ['with Berth: creates/s', '', ({ services, creation }) => perSecond(services, creation.totalMs)],
  [
    'with Berth: addresses/s, first create to last address',
    '',
    ({ services, creation }) => ratePerSecond(services, creation),
  ],
  ['create sent to its answer, p50 / p99, ms', '', ({ creation: { answerMs } }) => ms(answerMs, 0.5, 0.99)],
  ['create answered to address seen, p50 / p99, ms', '', ({ creation: { servedMs } }) => ms(servedMs, 0.5, 0.99)],
  ['create sent to address seen, p50, ms', '', ({ creation: { addressMs } }) => ms(addressMs, 0.5)],
  ['create sent to address seen, p99, ms', '< 500 at 3000', ({ creation: { addressMs } }) => ms(addressMs, 0.99)],
  ['create sent to address seen, max, ms', '', ({ creation: { addressMs } }) => ms(addressMs, 1)],
  ['last create answered to all addresses seen, ms', '< 1000', ({ creation }) => creation.afterLastMs.toFixed(0)],
  ['controller CPU, s (ms per Service)', '', ({ services, creation }) => cpu(services, creation)],
  [
    'controller RSS, peak, MB',
    '< 150 at 10000',
    ({ creation: { usage } }) => `${usage.rssMb.toFixed(0)}, ${usage.peakMb.toFixed(0)}`,
  ],
  [
    'API writes per Service, without the Lease',
    '',
    ({ services, creation }) => (writesOf(creation.requests) / services).toFixed(2),
  ],
  ['restart: ready, ms', '< 3000', ({ restart }) => restart.readyMs.toFixed(0)],
  ['restart: leading, ms', '', ({ restart }) => restart.leadingMs.toFixed(0)],
  [
    'restart: writes in 15 s, with refused ones, without the Lease',
    '0',
    ({ restart }) => String(writesOf(restart.requests)),
  ],
  [
    'restart: RSS, peak, MB',
    '< 150 at 10000',
    ({ restart: { usage } }) => `${usage.rssMb.toFixed(0)}, ${usage.peakMb.toFixed(0)}`,
  ],
  ['restart: CPU in 15 s, s', '', ({ restart }) => restart.usage.cpuSeconds.toFixed(1)],
  ['become LoadBalancer: addresses/s', '', ({ services, conversion }) => ratePerSecond(services, conversion)],
  [
    'become LoadBalancer: sent to its answer, p50 / p99, ms',
    '',
    ({ conversion }) => ms(conversion.answerMs, 0.5, 0.99),
  ],
  [
    'become LoadBalancer: sent to address seen, p50, p99, max, ms',
    '',
    ({ conversion }) => ms(conversion.addressMs, 0.5, 0.99, 1),
  ],
  [
    'become LoadBalancer: last answer to all addresses, ms',
    '< 1000',
    ({ conversion }) => conversion.afterLastMs.toFixed(0),
  ],
  [
    'become LoadBalancer: controller CPU, s (ms per Service)',
    '',
    ({ services, conversion }) => cpu(services, conversion),
  ],
  [
    'become LoadBalancer: controller RSS, peak, MB',
    '< 150 at 10000',
    ({ conversion: { usage } }) => `${usage.rssMb.toFixed(0)}, ${usage.peakMb.toFixed(0)}`,
  ],
  ['full pool: CPU in 30 s, % of a core', '', ({ full }) => full?.cpuPercent.toFixed(1)],
  ['full pool: writes in 30 s, without the Lease', '0', ({ full }) => full && String(writesOf(full.idle))],
  ['full pool: freed address used, median / max, ms', '1000', ({ full }) => full && ms(full.freedMs, 0.5, 1)],
  ['all deleted, ms', '', ({ deletion }) => deletion.deletedMs.toFixed(0)],
  [
    'ledger empty, ms after the last delete',
    '',
    ({ deletion: { emptyMs, deletedMs } }) => (emptyMs - deletedMs).toFixed(0),
  ],
];

/** A rate of the API server: first without other Services, then next to all Services of the bench. */
function limit(what: keyof Results['limits']['empty']): Row[2] {
  return ({ limits: { empty, inPlace } }) =>
    `${empty[what].perSecond.toFixed(0)}, ${inPlace[what].perSecond.toFixed(0)}`;
}

/** Prints all results. */
export function printResults(all: readonly Results[]): void {
  console.table(
    rows.map(([what, aim, value]) => ({
      '': what,
      ...Object.fromEntries(all.map((results) => [`${results.services} Services`, value(results) ?? '-'])),
      aim,
    })),
  );
  console.log('(rates without a controller: without other Services, and next to those with an address from Berth)');
  for (const { services, limits, creation, restart, full } of all) {
    console.log(`${services} Services:`);
    for (const [when, { created, patched, bound }] of Object.entries(limits)) {
      const each = [created, patched, bound].map(({ cpuMs }) => cpuMs.toFixed(1)).join(', ');
      const where = when === 'empty' ? 'without others' : 'next to the existing ones';
      console.log(`  CPU ms of API server and etcd per Service, no controller, ${where}: ${each}`);
    }
    console.log(`  the controller's requests per Service: ${inWords(creation.requests, services)}`);
    const others = Object.entries(creation.othersCpu).map(([name, seconds]) => `${name} ${seconds.toFixed(1)}`);
    console.log(`  CPU seconds of the other programs until all had addresses: ${others.join(', ')}`);
    if (creation.resumed > 0)
      console.log(
        `  the API server ended the watch that sees the addresses ${creation.resumed} times: these times are too long`,
      );
    console.log(`  its requests in 15 s from a restart: ${inWords(restart.requests)}`);
    if (full === undefined) continue;
    console.log(
      `  its requests per Service when ${full.extra} found no address: ${inWords(full.refusing, full.extra)}`,
    );
    console.log(`  its requests in 30 s with the pool full: ${inWords(full.idle)}`);
  }
}

function perSecond(count: number, milliseconds: number): string {
  return ((count / milliseconds) * 1000).toFixed(0);
}

/** The rate from the first request to the last address. */
function ratePerSecond(
  count: number,
  { totalMs, afterLastMs }: Pick<Results['conversion'], 'totalMs' | 'afterLastMs'>,
): string {
  return perSecond(count, totalMs + Math.max(0, afterLastMs));
}

function cpu(count: number, { cpuSeconds }: Pick<Results['conversion'], 'cpuSeconds'>): string {
  return `${cpuSeconds.toFixed(1)} (${((cpuSeconds / count) * 1000).toFixed(2)})`;
}

/** Formats quantiles of sorted milliseconds. */
function ms(values: readonly number[], ...quantiles: readonly number[]): string {
  const at = (q: number) => values[Math.min(values.length - 1, Math.floor(values.length * q))] ?? Number.NaN;
  return quantiles.map((q) => at(q).toFixed(0)).join(' / ');
}
