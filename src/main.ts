#!/usr/bin/env node
/** Berth's one program: the first argument says which role it plays. A role's code is loaded only when it is played. */
import { readFileSync } from 'node:fs';
import { Command, InvalidArgumentError, Option } from 'commander';
import { parseDuration } from './api/duration.ts';
import { handOffs } from './api/hand-off.ts';
import { createLogger, followLevel, type Logger, logLevels } from './runtime/logger.ts';

/** How long a process that cannot go on may take to end by itself. */
const lastMs = 1_000;

/** Runs a role until SIGTERM or SIGINT. A role that cannot go on ends the process with status 1 and one clear line. */
async function play(
  role: string,
  { logLevel: level, logLevelFile: file }: { readonly logLevel: string; readonly logLevelFile?: string },
  run: (log: Logger, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const log = createLogger(role, level);
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      log.info({ signal }, 'stopping');
      stop.abort();
    });
  }
  try {
    if (file !== undefined) await followLevel(log, file, stop.signal);
    await run(log, stop.signal);
  } catch (error) {
    log.error(
      { reason: (error as { code?: string }).code, err: level === 'debug' ? error : undefined },
      (error as Error).message,
    );
    process.exitCode = 1;
    // A thread or a socket that a start has left open must not keep a process that does nothing any more.
    setTimeout(() => process.exit(), lastMs).unref();
  }
}

const logLevel = () => new Option('--log-level <level>', 'what to log').choices([...logLevels]).default('info');
const logLevelFile = () =>
  new Option('--log-level-file <file>', 'what to log, read again every few seconds; goes before --log-level');
const kubeconfig = () =>
  new Option('--kubeconfig <file>', 'reach the API server by this file instead of the service account of the Pod');
const namespace = () =>
  new Option('--namespace <name>', 'namespace that Berth is installed in').env('POD_NAMESPACE').default('berth-system');
/** An option that is a time, such as `15s`; the limit keeps timers exact (setTimeout counts in 31 bits). */
const duration = (flags: string, what: string, byDefault: string) =>
  new Option(flags, what).default(parseTime(byDefault), byDefault).argParser(parseTime);
const port = (text: string) => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 65_535) throw new InvalidArgumentError('a port is 1 to 65535');
  return value;
};
const count = (text: string) => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 1_000_000)
    throw new InvalidArgumentError('a count is 1 to 1000000');
  return value;
};
const peerSelector = () =>
  new Option('--peer-selector <labels>', "labels of the speakers' Pods").default(
    'app.kubernetes.io/name=berth,app.kubernetes.io/component=speaker',
  );
/** How packets are handed on, the same for the controller, which tells kube-proxy, and the speakers. */
const handOff = () =>
  new Option('--hand-off <way>', 'hand-off of Services that do not say which (annotation berth.dev/hand-off)')
    .choices(handOffs)
    .default('KubeProxy');
const collect = (value: string, all: readonly string[] | undefined) => [...(all ?? []), value];

function parseTime(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined || ms < 1 || ms > 3_600_000)
    throw new InvalidArgumentError('It must be a duration such as 1500ms, 15s or 1m, at most 1h.');
  return Math.round(ms);
}

/** The version in the package.json beside the bundle, or above the sources. */
function version(): string {
  const file = import.meta.url.endsWith('.ts') ? '../package.json' : './package.json';
  return (JSON.parse(readFileSync(new URL(file, import.meta.url), 'utf8')) as { version: string }).version;
}

const timingRule =
  '--leader-elect-lease-duration must be longer than --leader-elect-renew-deadline, and that longer than --leader-elect-retry-period';

const program = new Command('berth')
  .description('Bare-metal LoadBalancer for Kubernetes')
  .version(version())
  .showHelpAfterError();

program
  .command('controller')
  .description('give addresses from pools to Services of type LoadBalancer')
  .addOption(kubeconfig())
  .addOption(namespace())
  .option('--load-balancer-class <class>', 'class of Services to serve (repeat it for more)', collect)
  .option('--no-load-balancer-class', 'serve no class, only Services that name none')
  .option('--no-services-without-class', 'leave Services that name no class alone')
  .option(
    '--take-over',
    'take over addresses that another program wrote to the status of Services without a class',
    false,
  )
  .option(
    '--liveness-secret <name>',
    "Secret for the key of the speakers' datagrams; made if there is none",
    'berth-liveness',
  )
  .addOption(handOff())
  .option('--health <address:port>', 'serve /healthz, /readyz and /metrics here', ':8081')
  .addOption(
    duration('--leader-elect-lease-duration <time>', 'others wait this long for a leader that does not renew', '15s'),
  )
  .addOption(
    duration('--leader-elect-renew-deadline <time>', 'a leader that cannot renew for this long acts no more', '10s'),
  )
  .addOption(duration('--leader-elect-retry-period <time>', 'pause between two attempts to lead or to renew', '2s'))
  .addOption(logLevel())
  .addOption(logLevelFile())
  .action(async (options, command: Command) => {
    const timing = {
      leaseDurationMs: options.leaderElectLeaseDuration,
      renewDeadlineMs: options.leaderElectRenewDeadline,
      retryPeriodMs: options.leaderElectRetryPeriod,
    };
    const ordered = timing.leaseDurationMs > timing.renewDeadlineMs && timing.renewDeadlineMs > timing.retryPeriodMs;
    if (!ordered) command.error(`error: ${timingRule}`);
    const { runController } = await import('./controller/controller.ts');
    const classes = options.loadBalancerClass === false ? [] : (options.loadBalancerClass ?? ['berth.dev/berth']);
    await play('controller', options, (log, signal) =>
      runController(
        { ...options, version: version(), classes, withoutClass: options.servicesWithoutClass, timing },
        log,
        signal,
      ),
    );
  });

program
  .command('speaker')
  .description('answer ARP and Neighbor Solicitations for the addresses that this node holds')
  .addOption(kubeconfig())
  .addOption(namespace())
  .addOption(
    new Option('--node-name <name>', 'the Node that this speaker runs on').env('NODE_NAME').makeOptionMandatory(),
  )
  .addOption(peerSelector())
  .option(
    '--assume-alive <node>',
    "count this node's speaker as alive without a Pod: for speakers run outside the cluster (repeat it for more)",
    collect,
  )
  .addOption(
    new Option('--liveness-port <port>', 'UDP port by which the speakers hear each other, the same on all nodes')
      .default(7932)
      .argParser(port),
  )
  .option(
    '--liveness-key <file>',
    'keys of the datagrams, base64, one a line: the first signs, all are accepted',
    '/etc/berth/liveness/keys',
  )
  .option('--snapshot <file>', 'keep what the speaker knows here, so that it can start while the API server is away')
  .option('--no-nftables', 'write no rules into the kernel (they need CAP_NET_ADMIN)')
  .addOption(handOff())
  .addOption(
    new Option(
      '--syn-limit <count>',
      'new TCP connections per second and VIP on this node; more are dropped',
    ).argParser(count),
  )
  .addOption(
    new Option('--conntrack-zone <number>', 'connection tracking zone of what hand-off NodePort rewrites')
      .default(7932)
      .argParser(port),
  )
  .option('--health <address:port>', 'serve /healthz, /readyz, /status and /metrics here', '127.0.0.1:7931')
  .option('--metrics <address:port>', 'serve /metrics, and nothing else, here too: for a Prometheus on another host')
  .addOption(logLevel())
  .addOption(logLevelFile())
  .action(async (options) => {
    const { runSpeaker } = await import('./speaker/speaker.ts');
    await play('speaker', options, (log, signal) =>
      runSpeaker({ ...options, version: version(), assumeAlive: options.assumeAlive ?? [] }, log, signal),
    );
  });

program
  .command('uninstall')
  .description(
    "ask all speakers to take their rules out of the kernels, and wait for them (the chart's pre-delete hook)",
  )
  .addOption(kubeconfig())
  .addOption(namespace())
  .addOption(peerSelector())
  .addOption(duration('--timeout <time>', 'how long to wait for them', '30s'))
  .addOption(logLevel())
  .action(async (options) => {
    const { uninstall } = await import('./speaker/uninstall.ts');
    await play('uninstall', options, (log, signal) => uninstall(options, log, signal));
  });

program
  .command('crds')
  .description("replace the definitions of Berth's kinds (the chart's hook before an upgrade)")
  .addOption(kubeconfig())
  .requiredOption('--from <folder>', 'the definitions, in JSON, one a file')
  .addOption(logLevel())
  .action(async (options) => {
    const { replaceCrds } = await import('./controller/crds.ts');
    await play('crds', options, (log, signal) => replaceCrds(options, log, signal));
  });

await program.parseAsync();
