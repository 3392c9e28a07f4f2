/** The pass bench: how long one decision about all Services takes, in the process alone. */
import { settle } from '../../src/ipam/allocate.ts';
import { AllocationCache } from '../../src/ipam/allocation-cache.ts';
import { pool } from '../unit/fixtures.ts';
import { showing, snapshotOf } from '../unit/ipam/plans.ts';
import { address, badServices, entriesOf, services, shapes, wide } from '../unit/ipam/shapes.ts';
import { ratios, summaryOf, summaryText } from './medians.ts';

/** The milliseconds of CPU time that a pass takes. */
function cpuMs(run: () => void): number {
  const before = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

/** Prints what a pass costs beside Services that cannot be served, and for Services of one namespace that meet in every way. */
export function benchPass({ services: count, rounds }: { readonly services: number; readonly rounds: number }): void {
  const pools = [wide, pool('four', ['10.9.0.1-10.9.0.9'], { autoAssign: false })];
  const good = services(count, (i) => showing(address(i)));
  const ledger = entriesOf(good, 1);
  const alone = snapshotOf({ pools, services: good, ledger });
  const bad = badServices(8);
  const beside = snapshotOf({ pools, services: [...bad, ...good], ledger });
  const caches = { alone: new AllocationCache(), beside: new AllocationCache() };
  const times = { alone: [] as number[], beside: [] as number[] };
  for (let round = 0; round < rounds; round++) {
    times.alone.push(cpuMs(() => settle(alone, caches.alone)));
    times.beside.push(cpuMs(() => settle(beside, caches.beside)));
  }
  console.log(`a pass that finds nothing to do, ${count} Services: ${summaryText(summaryOf(times.alone), 1)} ms`);
  const ratio = summaryText(summaryOf(ratios(times.beside, times.alone)), 2);
  console.log(`beside ${bad.length} Services that cannot be served: ${ratio} times as long`);
  for (const [desc, shape] of Object.entries(shapes)) {
    const each = [1_000, 4_000].map((some) => {
      const snapshot = snapshotOf({ pools: [wide], ...shape(some) });
      return Math.min(...Array.from({ length: rounds }, () => cpuMs(() => settle(snapshot)))) / some;
    });
    const [few = 0, many = 0] = each.map((ms) => ms * 1_000);
    console.log(`${desc}: ${few.toFixed(0)} us for each of 1000 Services, ${many.toFixed(0)} us for each of 4000`);
  }
}
