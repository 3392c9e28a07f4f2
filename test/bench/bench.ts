/** `npm run bench -- <what>` measures one part of Berth, in most cases against an alternative in the same run. */
import { Command, InvalidArgumentError, Option } from 'commander';
import type { AllocateOptions } from './allocate.ts';
import type { BadRulesOptions } from './bad-rules.ts';
import type { DatapathOptions } from './datapath.ts';
import type { FailoverOptions } from './failover.ts';
import { failoverEvents } from './failover-events.ts';
import type { PodsOptions } from './pods.ts';

const program = new Command('bench').description(
  'Measures Berth on this machine. The first four benches take a minute or two.',
);

for (const [command, protocol] of [
  ['arp', 'ARP'],
  ['ndp', 'NDP'],
] as const) {
  program
    .command(command)
    .description(
      `replies per second and latency of our ${protocol} responder, in proportion to the kernel's own answer on the same link`,
    )
    .option('--rounds <count>', 'number of measurements; prints medians', positiveInteger, 5)
    .action(async (options: { readonly rounds: number }) => {
      const { benchAnswering } = await import('./answering.ts');
      await benchAnswering(protocol, options.rounds);
    });
}

program
  .command('pass')
  .description(
    'one decision of the controller about all Services, without an API server: beside Services that cannot be served, and for what one namespace may create',
  )
  .option('--services <count>', 'number of Services', positiveInteger, 10_000)
  .option('--rounds <count>', 'number of passes; prints medians and quartiles', positiveInteger, 9)
  .action(async (options: { readonly services: number; readonly rounds: number }) => {
    const { benchPass } = await import('./pass.ts');
    benchPass(options);
  });

program
  .command('pod-start')
  .description('what a change of one EndpointSlice costs a speaker with many VIPs, without a kernel and an API server')
  .option('--vips <count>', 'number of VIPs', positiveInteger, 10_000)
  .option('--rounds <count>', 'number of changes of each kind; prints medians and quartiles', positiveInteger, 30)
  .action(async (options: { readonly vips: number; readonly rounds: number }) => {
    const { benchPodStart } = await import('./pod-start.ts');
    await benchPodStart(options);
  });

program
  .command('footprint')
  .description(
    'memory of both roles in their Pods, and the time from the start of a process until it does its work, on a cluster of one node',
  )
  .option('--rounds <count>', 'number of speaker restarts; prints the median', positiveInteger, 5)
  .action(async (options: { readonly rounds: number }) => {
    const { benchFootprint } = await import('./footprint.ts');
    await benchFootprint(options.rounds);
  });

program
  .command('allocate')
  .description(
    'how fast Services get addresses on a real API server, compared with the rate of a client that does nothing else; CPU and memory of the controller; restart, full pool, deletion. With 10,000 Services it takes a quarter of an hour or more, because the API server creates them slowly.',
  )
  .option('--services <counts>', 'numbers of Services, one measurement for each', positiveIntegers, [3_000, 10_000])
  .addOption(
    new Option(
      '--speakers <what>',
      'three real speakers run on the same cores, or only their watches: in a real cluster they have machines of their own',
    )
      .choices(['watch', 'run'])
      .default('watch'),
  )
  .option(
    '--bad <count>',
    'measure only how soon new Services get addresses, without and beside this many that cannot be served or ask for odd things, one of which changes ten times a second',
    positiveInteger,
    0,
  )
  .option(
    '--profile <folder>',
    "write CPU profiles of Berth's processes into this folder; the profiler takes memory and time itself",
  )
  .action(async (options: AllocateOptions) => {
    const { benchAllocate } = await import('./allocate.ts');
    await benchAllocate(options);
  });

program
  .command('mass')
  .description(
    'a node that holds a third of many VIPs dies: time until all are answered again, CPU and memory of the speakers',
  )
  .option('--vips <count>', 'number of VIPs', positiveInteger, 1_000)
  .option('--runs <count>', 'number of times that a node dies', positiveInteger, 3)
  .action(async (options: { readonly vips: number; readonly runs: number }) => {
    const { benchMass } = await import('./mass.ts');
    await benchMass(options);
  });

program
  .command('datapath')
  .description(
    "latency, connections per second and throughput by a VIP in every way that it can be served, as ratios to the Service's node port; one VIP over slow links; the work of a holder; on a cluster of three nodes",
  )
  .option('--runs <count>', 'number of rounds, each measures all ways in turn; prints medians', positiveInteger, 15)
  .addOption(
    new Option('--policy <policy>', 'externalTrafficPolicy of the Services')
      .choices(['Cluster', 'Local'])
      .default('Cluster'),
  )
  .option('--lab <id>', 'id of the lab; a running lab with this id is used', 'datapath')
  .option('--keep', 'leave the lab up, for the next run', false)
  .action(async (options: DatapathOptions) => {
    const { benchDatapath } = await import('./datapath.ts');
    await benchDatapath(options);
  });

program
  .command('vips')
  .description(
    'the rules of many VIPs in the kernel: time to load them and to change one, memory, and cost per packet, compared with ten VIPs',
  )
  .option('--vips <count>', 'number of VIPs', positiveInteger, 10_000)
  .option('--runs <count>', 'number of rounds; prints medians', positiveInteger, 15)
  .action(async (options: { readonly vips: number; readonly runs: number }) => {
    const { benchVips } = await import('./vips.ts');
    await benchVips(options);
  });

program
  .command('failover')
  .description(
    'what clients see of a VIP while its holder dies, restarts, is drained or starved: outage, failed and slow attempts, ARP replies, long-lived connections; on a cluster of three nodes. A run of `cut` takes 80 s, other events take 15 to 60 s.',
  )
  .option('--runs <count>', 'number of runs of each event; prints median and maximum', positiveInteger, 5)
  .addOption(
    new Option('--events <names>', `separated by commas: ${failoverEvents.map(({ name }) => name).join(',')}`)
      .argParser(eventNames)
      .default(
        failoverEvents.map(({ name }) => name),
        'all',
      ),
  )
  .addOption(
    new Option('--distribution <way>', 'distribution of the VIP').choices(['Single', 'Spread']).default('Single'),
  )
  .addOption(
    new Option('--policy <policy>', 'externalTrafficPolicy of the Service')
      .choices(['Cluster', 'Local'])
      .default('Cluster'),
  )
  .addOption(
    new Option('--hand-off <way>', 'how packets get to the Pods')
      .choices(['KubeProxy', 'NodePort'])
      .default('KubeProxy'),
  )
  .option('--no-nftables', 'without our nftables rules, for comparison')
  .option(
    '--flood <frames>',
    'frames a second, from a Pod of each node, that claim all VIPs: gratuitous ARP and Neighbor Advertisements; prints the CPU time of the speakers, and what they report',
    positiveInteger,
    0,
  )
  .option('--starve-minutes <minutes>', 'how long all CPUs are busy in the event `starve`', positiveInteger, 1)
  .option('--lab <id>', 'id of the lab; a running lab with this id is used', 'failover')
  .option('--json <file>', 'write all measurements to this file')
  .option('--keep', 'leave the lab up, for the next run', false)
  .action(async (options: FailoverOptions) => {
    const { benchFailover } = await import('./failover.ts');
    await benchFailover(options);
  });

program
  .command('bad-rules')
  .description(
    'what bad Services cost the rules of others: load, change and renewal in a real kernel, without a cluster',
  )
  .option('--services <count>', 'number of good Services', positiveInteger, 10_000)
  .option('--bad <count>', 'number of bad ones', positiveInteger, 100)
  .option('--rounds <count>', 'number of measurements; prints medians', positiveInteger, 5)
  .action(async (options: BadRulesOptions) => {
    const { benchBadRules } = await import('./bad-rules.ts');
    await benchBadRules(options);
  });

program
  .command('pods')
  .description(
    'what many Pods with links of their own cost the speakers: the size of heartbeats, and the CPU time for each Pod that starts; on a cluster of three nodes. Takes three minutes.',
  )
  .option('--pods <count>', 'number of Pods on each node', positiveInteger, 250)
  .option('--services <count>', 'number of Services with a VIP', positiveInteger, 200)
  .option('--lab <id>', 'id of the lab; a running lab with this id is used', 'pods')
  .option('--keep', 'leave the lab up, for the next run', false)
  .action(async (options: PodsOptions) => {
    const { benchPods } = await import('./pods.ts');
    await benchPods(options);
  });

await program.parseAsync();

function eventNames(text: string): readonly string[] {
  const names = text.split(',');
  const unknown = names.filter((name) => !failoverEvents.some((event) => event.name === name));
  if (unknown.length > 0) throw new InvalidArgumentError(`unknown event: ${unknown.join(', ')}`);
  return names;
}

function positiveIntegers(text: string): readonly number[] {
  return text.split(',').map(positiveInteger);
}

function positiveInteger(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('must be a whole number above 0');
  return value;
}
