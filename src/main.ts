#!/usr/bin/env node
/** Berth's program. The first argument selects the role; only the code of this role is loaded. */
import { readFileSync } from 'node:fs';
import { Command, InvalidArgumentError, Option } from 'commander';
import { parseDuration } from './api/duration.ts';
import { handOffs } from './api/hand-off.ts';
import { createLogger, followLevel, type Logger, logLevels } from './runtime/logger.ts';

/** How long a failed process may take to end by itself. */
const exitMs = 1_000;

/** Runs a role until SIGTERM or SIGINT. If the role fails, it logs one line and the process ends with status 1. */
async function runRole(
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
    // A thread or a socket that was opened before the failure must not keep the process alive.
    setTimeout(() => process.exit(), exitMs).unref();
  }
}

const logLevel = () => new Option('--log-level <level>', 'log level').choices([...logLevels]).default('info');
const logLevelFile = () =>
  new Option('--log-level-file <file>', 'file with the log level, read every 5 seconds; overrides --log-level');
const kubeconfig = () =>
  new Option('--kubeconfig <file>', 'kubeconfig to use instead of the service account of the Pod');
const namespace = () =>
  new Option('--namespace <name>', 'namespace of the Berth installation').env('POD_NAMESPACE').default('berth-system');
/** An option with a duration, such as `15s`. The limit of `parseTime` is within the range of timers (31 bits of milliseconds). */
const duration = (flags: string, what: string, byDefault: string) =>
  new Option(flags, what).default(parseTime(byDefault), byDefault).argParser(parseTime);
const port = (text: string) => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 65_535)
    throw new InvalidArgumentError('It must be a number from 1 to 65535.');
  return value;
};
const count = (text: string) => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 1_000_000)
    throw new InvalidArgumentError('It must be a number from 1 to 1000000.');
  return value;
};
const peerSelector = () =>
  new Option('--peer-selector <labels>', "labels of the speakers' Pods").default(
    'app.kubernetes.io/name=berth,app.kubernetes.io/component=speaker',
  );
/**
 * The default hand-off. Controller and speakers need the same one: the controller sets `ipMode` for kube-proxy, the speakers write
 * rules.
 */
const handOff = () =>
  new Option('--hand-off <way>', 'hand-off of Services without the annotation berth.dev/hand-off')
    .choices(handOffs)
    .default('KubeProxy');
const collect = (value: string, all: readonly string[] | undefined) => [...(all ?? []), value];

function parseTime(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined || ms < 1 || ms > 3_600_000)
    throw new InvalidArgumentError('It must be a duration such as 1500ms, 15s or 1m, at most 1h.');
  return Math.round(ms);
}

/** The version in package.json, which is beside the bundle, or above the sources. */
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
  .description('assign addresses from pools to Services of type LoadBalancer')
  .addOption(kubeconfig())
  .addOption(namespace())
  .option('--load-balancer-class <class>', 'class of the Services to serve (can be repeated)', collect)
  .option('--no-load-balancer-class', 'serve only Services without a class')
  .option('--no-services-without-class', 'do not serve Services without a class')
  .option(
    '--take-over',
    'take over addresses that another program wrote to the status of Services without a class',
    false,
  )
  .option(
    '--liveness-secret <name>',
    "Secret with the key of the speakers' datagrams; created if it does not exist",
    'berth-liveness',
  )
  .addOption(handOff())
  .option('--health <address:port>', 'address to serve /healthz, /readyz and /metrics on', ':8081')
  .addOption(
    duration(
      '--leader-elect-lease-duration <time>',
      'time after which another replica takes a lease that is not renewed',
      '15s',
    ),
  )
  .addOption(
    duration('--leader-elect-renew-deadline <time>', 'time after which a leader that cannot renew stops acting', '10s'),
  )
  .addOption(
    duration('--leader-elect-retry-period <time>', 'pause between two attempts to acquire or renew the lease', '2s'),
  )
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
    await runRole('controller', options, (log, signal) =>
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
    new Option('--node-name <name>', 'name of the Node that this speaker runs on')
      .env('NODE_NAME')
      .makeOptionMandatory(),
  )
  .addOption(peerSelector())
  .option(
    '--assume-alive <node>',
    'node with a speaker that runs without a Pod, outside of the cluster (can be repeated)',
    collect,
  )
  .addOption(
    new Option('--liveness-port <port>', 'UDP port for heartbeats between speakers, the same on all nodes')
      .default(7932)
      .argParser(port),
  )
  .option(
    '--liveness-key <file>',
    'file with the keys of the datagrams in base64, one per line: the first signs, all are accepted',
    '/etc/berth/liveness/keys',
  )
  .option('--snapshot <file>', 'file for a snapshot, with which the speaker can start while the API server is away')
  .option('--no-nftables', 'load no nftables rules (they need CAP_NET_ADMIN)')
  .addOption(handOff())
  .addOption(
    new Option(
      '--syn-limit <count>',
      'most new TCP connections per second and VIP on this node; further ones are dropped',
    ).argParser(count),
  )
  .addOption(
    new Option('--conntrack-zone <number>', 'connection tracking zone of the packets that hand-off NodePort rewrites')
      .default(7932)
      .argParser(port),
  )
  .option('--health <address:port>', 'address to serve /healthz, /readyz, /status and /metrics on', '127.0.0.1:7931')
  .option('--metrics <address:port>', 'second address to serve /metrics alone on, for a Prometheus on another host')
  .addOption(logLevel())
  .addOption(logLevelFile())
  .action(async (options) => {
    const { runSpeaker } = await import('./speaker/speaker.ts');
    await runRole('speaker', options, (log, signal) =>
      runSpeaker({ ...options, version: version(), assumeAlive: options.assumeAlive ?? [] }, log, signal),
    );
  });

program
  .command('uninstall')
  .description("make all speakers remove their rules from the kernel, and wait for it (the chart's pre-delete hook)")
  .addOption(kubeconfig())
  .addOption(namespace())
  .addOption(peerSelector())
  .addOption(duration('--timeout <time>', 'how long to wait for the speakers', '30s'))
  .addOption(logLevel())
  .action(async (options) => {
    const { uninstall } = await import('./speaker/uninstall.ts');
    await runRole('uninstall', options, (log, signal) => uninstall(options, log, signal));
  });

program
  .command('crds')
  .description("replace Berth's CRDs (the chart's pre-install and pre-upgrade hook)")
  .addOption(kubeconfig())
  .requiredOption('--from <folder>', 'folder with the CRDs in JSON, one per file')
  .addOption(logLevel())
  .action(async (options) => {
    const { replaceCrds } = await import('./controller/crds.ts');
    await runRole('crds', options, (log, signal) => replaceCrds(options, log, signal));
  });

await program.parseAsync();
