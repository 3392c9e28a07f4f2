/** A real Prometheus that scrapes Berth's Pods, as it would in a cluster. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, type LabHost } from '../lab/cluster.ts';
import { unpackDebian } from '../lab/debian-package.ts';
import { askerOf } from '../probe/asker.ts';

/** One series in the result of a query. */
export interface Series {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A running Prometheus. */
export interface Prometheus {
  /** The current result of an expression. Throws Prometheus' own error if the expression is wrong. */
  query(expression: string): Promise<readonly Series[]>;
  /** The rules, each with its name and health. */
  rules(): Promise<readonly { readonly name: string; readonly health: string; readonly lastError?: string }[]>;
  close(): Promise<void>;
}

const listen = { address: '127.0.0.1', port: 9090 };

/** Starts Prometheus in a host's network. It scrapes the targets (`ADDRESS:PORT`) once a second, and evaluates the rules of a file. */
export async function startPrometheus(
  host: LabHost,
  targets: readonly string[],
  ruleFile: string,
): Promise<Prometheus> {
  const program = join(await unpackDebian('prometheus'), 'usr/bin/prometheus');
  const folder = await mkdtemp(join(tmpdir(), 'berth-prometheus-'));
  const config = {
    global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
    rule_files: [ruleFile],
    scrape_configs: [{ job_name: 'berth', static_configs: [{ targets }] }],
  };
  await writeFile(join(folder, 'prometheus.yml'), JSON.stringify(config));
  const flags = { 'config.file': join(folder, 'prometheus.yml'), 'storage.tsdb.path': folder };
  const args = Object.entries({ ...flags, 'web.listen-address': `${listen.address}:${listen.port}` }).map(
    ([name, value]) => `--${name}=${value}`,
  );
  const child = host.spawn([program, ...args], { stdio: 'ignore' });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const api = async (path: string) => {
    const ask = { ...listen, path: `/api/v1/${path}`, connections: 1, timeoutMs: 5_000 };
    const [reply] = await askerOf(host).http(ask);
    // An answer to a wrong request has another HTTP status, and a body that says why.
    if (reply === undefined || 'failed' in reply) throw new Error(`Prometheus does not answer: ${reply?.failed}`);
    const { status, error, data } = JSON.parse(reply.body);
    assert.equal(status, 'success', error);
    return data;
  };
  const prometheus: Prometheus = {
    query: async (expression) => {
      const { result } = await api(`query?query=${encodeURIComponent(expression)}`);
      return (result as readonly { metric: Series['metric']; value: readonly [number, string] }[]).map((one) => ({
        ...{ metric: one.metric, value: Number(one.value[1]) },
      }));
    },
    rules: async () => (await api('rules')).groups.flatMap(({ rules }: { rules: readonly unknown[] }) => rules),
    close: async () => {
      child.kill('SIGTERM');
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
  try {
    const up = async () => (await prometheus.query('sum(up)'))[0]?.value;
    await eventually('a scrape of every Pod', async () => (await up()) === targets.length);
  } catch (error) {
    await prometheus.close();
    throw error;
  }
  return prometheus;
}
