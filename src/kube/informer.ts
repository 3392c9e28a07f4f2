/** An informer: lists a kind once, watches it from there on, and keeps a small view of each object. */
import type { Identity } from '../api/meta.ts';
import type { Logger } from '../runtime/logger.ts';
import { wait } from '../runtime/wait.ts';
import { ApiError, hasStatus, type KubeClient } from './client.ts';
import { ViewStore } from './view-store.ts';

/** What to inform about. */
export interface InformerOptions<R, V extends Identity> {
  readonly client: KubeClient;
  readonly log: Logger;
  readonly path: string;
  readonly labelSelector?: string;
  /** The part of an object that is kept; undefined for objects that do not matter. */
  readonly parse: (raw: R) => V | undefined;
  readonly onChange: () => void;
}

interface RawObject {
  readonly metadata: { readonly uid: string; readonly resourceVersion: string };
}

interface Page<R> {
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
  readonly items: readonly R[];
}

interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: RawObject & { readonly code?: number; readonly reason?: string; readonly message?: string };
}

const pageSize = '500';
/** Bookmarks come once a minute: a longer silence is a connection that died without a word. */
const silenceMs = 90_000;
const backoffMs = { first: 200, most: 10_000 } as const;

/** Keeps views of all objects of one kind. Run it until its signal aborts. */
export class Informer<R, V extends Identity> {
  readonly store = new ViewStore<V>();
  readonly #options: InformerOptions<R, V>;
  #synced = false;

  constructor(options: InformerOptions<R, V>) {
    this.#options = options;
  }

  /** Has the first list been taken in? Before that, an absent object means nothing. */
  get synced(): boolean {
    return this.#synced;
  }

  /** Takes in an object that a write of ours just returned, so that the next decision sees it at once. */
  assume(raw: R): void {
    const view = this.#options.parse(raw);
    if (view !== undefined) this.store.put(view);
  }

  /** Lists and watches until the signal aborts; errors are logged and tried again with growing pauses. */
  async run(signal: AbortSignal): Promise<void> {
    const { log, path } = this.#options;
    let version: string | undefined;
    let pauseMs: number = backoffMs.first;
    while (!signal.aborted) {
      const startedAt = performance.now();
      try {
        version ??= await this.#list(signal);
        version = await this.#watch(version, signal);
      } catch (error) {
        if (signal.aborted) return;
        // 410: the version is older than what the API server remembers; anything else resumes where it stopped.
        if (hasStatus(error, 410)) version = undefined;
        else log.warn({ path, err: error }, 'watch failed');
        pauseMs = performance.now() - startedAt > backoffMs.most ? backoffMs.first : pauseMs;
        await wait(pauseMs * (0.5 + Math.random()), signal);
        pauseMs = Math.min(pauseMs * 2, backoffMs.most);
      }
    }
  }

  /** Replaces the whole store by a consistent list (no `resourceVersion`: never from a cache that lags). */
  async #list(signal: AbortSignal): Promise<string> {
    const { client, path, parse, onChange } = this.#options;
    const views: V[] = [];
    let token: string | undefined;
    let version = '';
    while (token !== '') {
      const query = { ...this.#selection(), limit: pageSize, ...(token && { continue: token }) };
      const page: Page<R> = await client.json({ path, query, signal });
      views.push(...page.items.map(parse).filter((view) => view !== undefined));
      version = page.metadata.resourceVersion;
      token = page.metadata.continue ?? '';
    }
    this.store.replace(views);
    this.#synced = true;
    onChange();
    return version;
  }

  /** Follows the changes after `version`. Returns the version to resume from when the server ends the watch. */
  async #watch(version: string, signal: AbortSignal): Promise<string> {
    const { client, path } = this.#options;
    const query = {
      ...this.#selection(),
      watch: 'true',
      allowWatchBookmarks: 'true',
      resourceVersion: version,
      timeoutSeconds: String(300 + Math.floor(Math.random() * 300)),
    };
    const silence = new AbortController();
    const timer = setTimeout(() => silence.abort(new Error(`no word for ${silenceMs / 1000} s`)), silenceMs);
    let seen = version;
    try {
      const either = AbortSignal.any([signal, silence.signal]);
      for await (const event of client.lines<WatchEvent>({ path, query, signal: either })) {
        timer.refresh();
        this.#take(event);
        seen = event.object.metadata.resourceVersion;
      }
    } catch (error) {
      // A watch that broke off is resumed; only the server's own refusal says that the version is no good.
      if (signal.aborted || error instanceof ApiError || seen === version) throw error;
    } finally {
      clearTimeout(timer);
    }
    return seen;
  }

  #take({ type, object }: WatchEvent): void {
    if (type === 'ERROR') throw new ApiError(object.code ?? 500, object.reason ?? 'Unknown', object.message ?? '');
    if (type === 'BOOKMARK') return;
    const { uid } = object.metadata;
    const view = type === 'DELETED' ? undefined : this.#options.parse(object as unknown as R);
    if (type === 'DELETED') this.store.remove(uid);
    else if (view === undefined) this.store.forget(uid);
    else this.store.put(view);
    this.#options.onChange();
  }

  #selection(): Record<string, string> {
    const { labelSelector } = this.#options;
    return labelSelector === undefined ? {} : { labelSelector };
  }
}
