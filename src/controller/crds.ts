/**
 * Replaces Berth's CRDs by those of the version that is about to be installed, because Helm installs the `crds/` of a chart only once. If
 * the cluster has other CRDs, the chart runs this before an installation or upgrade, with its own service account.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isStale, KubeClient, type Requests } from '../kube/client.ts';
import { connect } from '../kube/connection.ts';
import { crdsPath } from '../kube/resources.ts';
import { retried } from '../kube/retried.ts';
import type { Logger } from '../runtime/logger.ts';
import { wait } from '../runtime/wait.ts';

/** Where the CRDs are. */
interface CrdOptions {
  readonly kubeconfig: string | undefined;
  /** Folder with one CRD per file, in JSON. */
  readonly from: string;
}

interface Crd {
  readonly metadata: {
    readonly name: string;
    readonly resourceVersion?: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: unknown;
}

const retryMs = 500;

/** Replaces all CRDs. Rejects if one cannot be replaced: the upgrade must not continue then. */
export async function replaceCrds(options: CrdOptions, log: Logger, signal: AbortSignal): Promise<void> {
  const client = new KubeClient(await connect(options.kubeconfig));
  try {
    const names = (await readdir(options.from)).filter((name) => name.endsWith('.json')).sort();
    if (names.length === 0) throw new Error(`no CRDs in ${options.from}`);
    for (const name of names) {
      const wanted = JSON.parse(await readFile(join(options.from, name), 'utf8')) as Crd;
      await retried(() => replace(client, wanted, signal), { log, signal });
      log.info({ crd: wanted.metadata.name }, 'CRD replaced');
    }
  } finally {
    client.close();
  }
}

/** Writes the whole spec instead of merging it: fields that the new version does not have must disappear. */
async function replace(client: Requests, wanted: Crd, signal: AbortSignal): Promise<void> {
  const path = `${crdsPath}/${wanted.metadata.name}`;
  for (;;) {
    const live = await client.json<Crd>({ path, signal });
    const annotations = { ...live.metadata.annotations, ...wanted.metadata.annotations };
    const body = { ...live, metadata: { ...live.metadata, annotations }, spec: wanted.spec };
    try {
      await client.json({ method: 'PUT', path, body, signal });
      return;
    } catch (error) {
      // The API server itself writes the status of the CRD.
      if (!isStale(error)) throw error;
      await wait(retryMs, signal);
    }
  }
}
