/** `npm run bench -- <what>`: measures one part of Berth against what it competes with, in the same run. */
import { Command, InvalidArgumentError, Option } from 'commander';
import type { AllocateOptions } from './allocate.ts';
import type { DatapathOptions } from './datapath.ts';
import type { FailoverOptions } from './failover.ts';
import { failoverEvents } from './failover-events.ts';

const program = new Command('bench').description(
  'Measures Berth on this machine. The first three benches are done in a minute or two.',
);

for (const [command, protocol] of [
  ['arp', 'ARP'],
  ['ndp', 'NDP'],
] as const) {
  program
    .command(command)
    .description(
      `replies per second and latency of our ${protocol} responder, as ratios to the kernel's own answer on the same link`,
    )
    .option('--rounds <count>', 'how often everything is measured; medians are printed', positiveInteger, 5)
    .action(async (options: { readonly rounds: number }) => {
      const { benchAnswering } = await import('./answering.ts');
      await benchAnswering(protocol, options.rounds);
    });
}

program
  .command('footprint')
  .description(
    'memory of both roles in their Pods, and the time from the start of a process to its work, on a cluster of one node',
  )
  .option('--rounds <count>', 'how often the speaker is restarted; the median is printed', positiveInteger, 5)
  .action(async (options: { readonly rounds: number }) => {
    const { benchFootprint } = await import('./footprint.ts');
    await benchFootprint(options.rounds);
  });

program
  .command('allocate')
  .description(
    'how fast Services get addresses on a real API server, against what that server takes from a client that does nothing else; what the controller uses; restart, full pool, deletion. With 10,000 Services it takes a quarter of an hour or more, most of it for the API server to create them.',
  )
  .option('--services <counts>', 'how many Services, one measurement each', positiveIntegers, [3_000, 10_000])
  .addOption(
    new Option(
      '--speakers <what>',
      'three speakers run on these cores too, or only their watches are held: elsewhere they have machines of their own',
    )
      .choices(['watch', 'run'])
      .default('watch'),
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
    'a node dies that holds a third of many VIPs: when all are answered for again, and what the speakers use',
  )
  .option('--vips <count>', 'how many VIPs', positiveInteger, 1_000)
  .option('--runs <count>', 'how often a node dies', positiveInteger, 3)
  .action(async (options: { readonly vips: number; readonly runs: number }) => {
    const { benchMass } = await import('./mass.ts');
    await benchMass(options);
  });

program
  .command('datapath')
  .description(
    "latency, connections per second and throughput by a VIP in every way that it can be served, as ratios to the Service's node port; one VIP over slow links; the work of a holder; on a cluster of three nodes",
  )
  .option('--runs <count>', 'how often everything is measured, in turns; medians are printed', positiveInteger, 15)
  .addOption(
    new Option('--policy <policy>', 'externalTrafficPolicy of the Services')
      .choices(['Cluster', 'Local'])
      .default('Cluster'),
  )
  .option('--lab <id>', 'id of the lab to measure on; one that runs already is used', 'datapath')
  .option('--keep', 'leave the lab up, for the next run', false)
  .action(async (options: DatapathOptions) => {
    const { benchDatapath } = await import('./datapath.ts');
    await benchDatapath(options);
  });

program
  .command('vips')
  .description(
    'the rules of many VIPs in the kernel: time to load them and to change one, memory, and what they cost a packet, against those of ten VIPs',
  )
  .option('--vips <count>', 'how many VIPs', positiveInteger, 10_000)
  .option('--runs <count>', 'how often everything is measured; medians are printed', positiveInteger, 15)
  .action(async (options: { readonly vips: number; readonly runs: number }) => {
    const { benchVips } = await import('./vips.ts');
    await benchVips(options);
  });

program
  .command('failover')
  .description(
    'what clients see of a VIP while its holder dies, restarts, is drained or starved: outage, failed and slow attempts, answers by ARP, long-lived connections; on a cluster of three nodes. A run of `cut` takes 80 s, the others 15 to 60 s.',
  )
  .option('--runs <count>', 'how often each event is made; median and maximum are printed', positiveInteger, 5)
  .addOption(
    new Option('--events <names>', `comma between them: ${failoverEvents.map(({ name }) => name).join(',')}`)
      .argParser(eventNames)
      .default(
        failoverEvents.map(({ name }) => name),
        'all',
      ),
  )
  .addOption(
    new Option('--distribution <way>', 'how the VIP is spread').choices(['Single', 'Spread']).default('Single'),
  )
  .addOption(
    new Option('--policy <policy>', 'externalTrafficPolicy of the Service')
      .choices(['Cluster', 'Local'])
      .default('Cluster'),
  )
  .addOption(
    new Option('--hand-off <way>', 'how packets come to the Pods')
      .choices(['KubeProxy', 'NodePort'])
      .default('KubeProxy'),
  )
  .option('--no-nftables', 'without rules of ours in the kernel, to compare')
  .option('--starve-minutes <minutes>', 'how long all CPUs are busy in the event `starve`', positiveInteger, 1)
  .option('--lab <id>', 'id of the lab to measure on; one that runs already is used', 'failover')
  .option('--json <file>', 'write all that was measured into this file')
  .option('--keep', 'leave the lab up, for the next run', false)
  .action(async (options: FailoverOptions) => {
    const { benchFailover } = await import('./failover.ts');
    await benchFailover(options);
  });

await program.parseAsync();

function eventNames(text: string): readonly string[] {
  const names = text.split(',');
  const unknown = names.filter((name) => !failoverEvents.some((event) => event.name === name));
  if (unknown.length > 0) throw new InvalidArgumentError(`there is no event ${unknown.join(', ')}`);
  return names;
}

function positiveIntegers(text: string): readonly number[] {
  return text.split(',').map(positiveInteger);
}

function positiveInteger(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('a whole number above 0 is wanted');
  return value;
}
