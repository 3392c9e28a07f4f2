#!/usr/bin/env node
/** Berth's one program: the first argument says which role it plays. A role's code is loaded only when it is played. */
import { readFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import { createLogger, type Logger, logLevels } from './runtime/logger.ts';

/** Runs a role until SIGTERM or SIGINT. A role that cannot go on ends the process with status 1 and one clear line. */
async function play(
  role: string,
  level: string,
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
    await run(log, stop.signal);
  } catch (error) {
    log.error(
      { reason: (error as { code?: string }).code, err: level === 'debug' ? error : undefined },
      (error as Error).message,
    );
    process.exitCode = 1;
  }
}

const logLevel = () => new Option('--log-level <level>', 'what to log').choices([...logLevels]).default('info');
const kubeconfig = () =>
  new Option('--kubeconfig <file>', 'reach the API server by this file instead of the service account of the Pod');
const namespace = () =>
  new Option('--namespace <name>', 'namespace that Berth is installed in').env('POD_NAMESPACE').default('berth-system');
const collect = (value: string, all: readonly string[] | undefined) => [...(all ?? []), value];

/** The version in the package.json beside the bundle, or above the sources. */
function version(): string {
  const file = import.meta.url.endsWith('.ts') ? '../package.json' : './package.json';
  return (JSON.parse(readFileSync(new URL(file, import.meta.url), 'utf8')) as { version: string }).version;
}

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
  .option('--health <address:port>', 'serve /healthz and /readyz here', ':8081')
  .addOption(logLevel())
  .action(async (options) => {
    const { runController } = await import('./controller/controller.ts');
    const classes = options.loadBalancerClass === false ? [] : (options.loadBalancerClass ?? ['berth.dev/berth']);
    await play('controller', options.logLevel, (log, signal) =>
      runController({ ...options, classes, withoutClass: options.servicesWithoutClass }, log, signal),
    );
  });

program
  .command('speaker')
  .description('answer ARP for the addresses that this node holds')
  .addOption(kubeconfig())
  .addOption(namespace())
  .addOption(
    new Option('--node-name <name>', 'the Node that this speaker runs on').env('NODE_NAME').makeOptionMandatory(),
  )
  .option(
    '--peer-selector <labels>',
    "labels of the speakers' Pods",
    'app.kubernetes.io/name=berth,app.kubernetes.io/component=speaker',
  )
  .option(
    '--assume-alive <node>',
    "count this node's speaker as alive without a Pod: for speakers run outside the cluster (repeat it for more)",
    collect,
  )
  .option('--health <address:port>', 'serve /healthz and /readyz here', '127.0.0.1:7931')
  .addOption(logLevel())
  .action(async (options) => {
    const { runSpeaker } = await import('./speaker/speaker.ts');
    await play('speaker', options.logLevel, (log, signal) =>
      runSpeaker({ ...options, assumeAlive: options.assumeAlive ?? [] }, log, signal),
    );
  });

await program.parseAsync();
