/** The metrics that the kernel counts in the nftables rules. */
import { tableName } from '../../dataplane/nft/ruleset.ts';
import { VipCounts } from '../../dataplane/plan/vip-counts.ts';
import { vipSet, watchedChain } from '../../dataplane/rules/vip-counters.ts';
import { type Counted, readChainCounter, readSetCounters } from '../../linux/nft-counters.ts';
import type { Metric } from '../../runtime/metrics.ts';
import { SharedReading } from '../../runtime/shared-reading.ts';

/** A reading of the kernel's counters serves all scrapes within this time. Shorter than the usual intervals of Prometheus. Milliseconds. */
const sharedMs = 5_000;

/** The metrics of the rules. `hasRules`: are they in the kernel? undefined: they are not wanted. */
export function kernelMetrics(hasRules: () => boolean | undefined): readonly Metric[] {
  const counts = new VipCounts();
  const dropped = new VipCounts();
  // Every host of the network may be able to scrape, and each reading starts programs.
  const received = new SharedReading(async () => counts.add(await readVips(hasRules() === true)), sharedMs);
  const drops = new SharedReading(
    async () => dropped.add(hasRules() === true ? await readDrops() : new Map()),
    sharedMs,
  );
  const ofVips = (unit: keyof Counted, what: string): Metric => ({
    name: `berth_speaker_vip_received_${unit}_total`,
    help: `${what} that arrived at this node for a VIP`,
    kind: 'counter',
    labels: ['vip'],
    read: async () => [...(await received.get())].map(([vip, count]) => ({ labels: { vip }, value: count[unit] })),
  });
  return [
    ofVips('packets', 'Packets'),
    ofVips('bytes', 'Bytes, with the IP header,'),
    {
      name: 'berth_speaker_syn_dropped_total',
      help: 'SYNs that were dropped because a VIP got more of them per second than the limit allows',
      kind: 'counter',
      read: async () => {
        const now = await drops.get();
        return [{ value: [...now.values()].reduce((all, { packets }) => all + packets, 0) }];
      },
    },
    {
      name: 'berth_speaker_rules_loaded',
      help: '1 while the nftables rules are in the kernel, 0 while they should be and are not',
      kind: 'gauge',
      read: () => {
        const loaded = hasRules();
        return loaded === undefined ? [] : [{ value: loaded ? 1 : 0 }];
      },
    },
  ];
}

/** By family of the table. */
async function readDrops(): Promise<ReadonlyMap<string, Counted>> {
  const read = async (family: string) => [family, await readChainCounter(family, tableName, watchedChain)] as const;
  return new Map(await Promise.all(['ip', 'ip6'].map(read)).catch(() => []));
}

/** A set that does not exist, or cannot be read now, has no counts. */
async function readVips(hasRules: boolean): Promise<ReadonlyMap<string, Counted>> {
  if (!hasRules) return new Map();
  const families = ['ip', 'ip6'].map((family) => readSetCounters(family, tableName, vipSet).catch(() => new Map()));
  const [ipv4, ipv6] = await Promise.all(families);
  return new Map([...(ipv4 ?? []), ...(ipv6 ?? [])]);
}
