/**
 * Fixture: the applier of nftables rules with a small path, in a network namespace and with a fast
 * clock. It obeys JSON lines and prints its log.
 */
import type { Logger } from '../../src/runtime/logger.ts';
import { NftApplier } from '../../src/speaker/dataplane/nft-applier.ts';
import { quicken } from './fast-clock.ts';
import { obey, say, sayReady } from './fixture.ts';
import { pathOf, vipPath } from './path-lab.ts';

/** One line of standard input. All commands but `apply` are answered. */
interface Command {
  readonly do: 'apply' | 'failure' | 'close' | 'remove';
  readonly vips?: readonly string[];
  readonly synLimit?: number;
}

const logs = (level: string) => (facts: object, message: string) => {
  const { err, ...rest } = facts as { err?: Error };
  say({ ...rest, error: err?.message, kind: 'log', level, message });
};
const log = { debug: logs('debug'), info: logs('info'), warn: logs('warn') };
quicken();
const layer = new NftApplier(log as unknown as Logger);

obey<Command>(async (command) => {
  if (command.do === 'apply') {
    const vips = (command.vips ?? []).map((vip) => vipPath(vip, 'tcp/80>30080'));
    layer.apply(pathOf({ vips, synLimit: command.synLimit }));
  }
  if (command.do === 'failure') say({ kind: 'failure', failure: layer.failure });
  if (command.do === 'close') await layer.close();
  if (command.do === 'remove') await layer.remove();
  if (command.do === 'close' || command.do === 'remove') say({ kind: 'done' });
});
sayReady();
