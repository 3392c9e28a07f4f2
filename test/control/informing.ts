/** An informer of nodes with the API server in memory, and a record of what the informer saw. */
import type { TestContext } from 'node:test';
import { identityOf, type RawMeta } from '../../src/api/meta.ts';
import { KubeClient } from '../../src/kube/client.ts';
import { Informer } from '../../src/kube/informer.ts';
import { ApiServer } from '../apiserver/server.ts';
import { eventually } from '../lab/poll.ts';
import { keptLog, type LogLine } from './running-controller.ts';

const soon = { timeoutMs: 10_000, everyMs: 10 };
/** The path of the objects. */
export const path = '/api/v1/nodes';
/** The requests of its lists. */
export const lists = { path, watches: false };
/** The requests of its watches. */
export const watches = { path, watches: true };

/** A node, with the fields that matter here. */
export interface RawNode {
  readonly metadata: RawMeta;
}

/** The informer and its API server. */
export class Stage {
  readonly server: ApiServer;
  readonly informer: Informer<RawNode, { name: string; uid: string; resourceVersion: string; labels: string }>;
  readonly lines: LogLine[] = [];
  unreachable = 0;
  readonly #client: KubeClient;
  readonly #stop = new AbortController();

  constructor(server: ApiServer, options: { readonly silenceMs?: number; readonly stuckMs?: number } = {}) {
    this.server = server;
    this.#client = new KubeClient({ server: server.url, credentials: async () => ({ tls: {}, headers: {} }) });
    this.informer = new Informer({
      ...{ client: this.#client, log: keptLog(this.lines), path, onChange: () => undefined, ...options },
      onUnreachable: () => {
        this.unreachable += 1;
      },
      parse: ({ metadata }) => {
        if (metadata.labels?.bad !== undefined) throw new Error('not understood');
        return { ...identityOf(metadata), labels: JSON.stringify(metadata.labels ?? {}) };
      },
    });
  }

  static async open(t: TestContext, options: { readonly silenceMs?: number; readonly stuckMs?: number } = {}) {
    const stage = new Stage(await ApiServer.open(), options);
    t.after(() => stage.close());
    return stage;
  }

  /** Starts the informer, and waits for the first watch. */
  async run(): Promise<void> {
    this.start();
    await eventually('the first watch', () => this.server.watching() > 0, soon);
  }

  /** Starts the informer. */
  start(): void {
    void this.informer.run(this.#stop.signal);
  }

  close(): void {
    this.#stop.abort();
    this.#client.close();
    this.server.close();
  }

  create(name: string, labels: Readonly<Record<string, string>> = {}): void {
    this.server.store.request({ method: 'POST', path, body: { metadata: { name, labels } } });
  }

  label(name: string, labels: Readonly<Record<string, string>>): void {
    const contentType = 'application/merge-patch+json';
    this.server.store.request({
      method: 'PATCH',
      path: `${path}/${name}`,
      body: { metadata: { labels } },
      contentType,
    });
  }

  remove(name: string): void {
    this.server.store.request({ method: 'DELETE', path: `${path}/${name}` });
  }

  /** Waits until the views equal the objects of the API server. */
  async agrees(timeoutMs = soon.timeoutMs): Promise<void> {
    const textOf = (all: readonly { name: string; uid: string; labels: string }[]) =>
      all
        .map(({ name, uid, labels }) => `${name} ${uid} ${labels}`)
        .sort()
        .join('; ');
    const real = () =>
      this.server.store
        .all(path)
        .map(({ metadata }) => ({ ...metadata, labels: JSON.stringify(metadata.labels ?? {}) }));
    await eventually(
      'the views equal the objects',
      () => this.informer.synced && textOf(this.informer.store.values()) === textOf(real()),
      { ...soon, timeoutMs },
    );
  }

  /** The number of pages of lists, or of watches, that the informer has requested. A request for one object only asks for the version. */
  count(wanted: { readonly watches: boolean }): number {
    return this.server.requests({ path, ...wanted }).filter(({ query }) => query.limit !== '1').length;
  }
}
