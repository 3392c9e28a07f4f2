/** An informer: lists all objects of a kind once, then watches them, and keeps a small view of each. */
import type { Identity } from '../api/meta.ts';
import type { Logger } from '../runtime/logger.ts';
import { wait } from '../runtime/wait.ts';
import { Watchdog } from '../runtime/watchdog.ts';
import { ApiError, hasStatus, type KubeClient } from './client.ts';
import { isNewer, ViewStore } from './view-store.ts';

/** The part of every object that an informer reads itself. */
export interface RawObject {
  readonly metadata: { readonly name: string; readonly uid: string; readonly resourceVersion: string };
}

/** What an informer watches, and what it calls. */
interface InformerOptions<R extends RawObject, V extends Identity, S extends ViewStore<V>> {
  readonly client: KubeClient;
  readonly log: Logger;
  readonly path: string;
  readonly labelSelector?: string;
  /** The view of an object; undefined for an object that does not matter. */
  readonly parse: (raw: R) => V | undefined;
  /** Where the views are kept; by default a store of the informer's own. */
  readonly store?: S;
  readonly onChange: () => void;
  /** A watch that is silent for this time after its first event is started again. Bookmarks come once a minute: the default is 90 s. */
  readonly silenceMs?: number;
  /** An informer that makes no progress for this time is stuck. It is longer than any request or pause: twelve minutes by default. */
  readonly stuckMs?: number;
  /** Called when the API server has not answered a request at all. */
  readonly onUnreachable?: () => void;
}

interface Page<R extends RawObject> {
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
  readonly items: readonly R[];
}

interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: RawObject & { readonly code?: number; readonly reason?: string; readonly message?: string };
}

const pageSize = '500';
/**
 * Bookmarks come once a minute after the first event of a watch: after a longer silence the connection is dead. Before the first event the
 * API server sends no bookmark, because its newest version of the kind is not newer than that of the list. Such a watch lasts until its
 * time is over. If the server's host dies, the kernel ends the connection within seconds (TCP keepalive).
 */
const defaultSilenceMs = 90_000;
/** The end of a watch may be late by this time. */
const lateMs = 30_000;
/**
 * Longer than a watch without an event (10.5 min) and one page of a list (30 s). While the API server is unreachable the informer tries
 * all the time, so an outage of the API server is no fault of the informer.
 */
const defaultStuckMs = 720_000;
/** A proxy, or an API server that shuts down, may end watches immediately and without an error. */
const shortWatchMs = 1_000;
const backoffMs = { first: 200, most: 10_000 } as const;
/** The API server ends a watch after a time between these. An earlier end means that a server or a connection is gone. */
const watchSeconds = { least: 300, most: 600 } as const;

/**
 * How to go on after a watch has ended. An API server that was restored from a backup has lower versions than are known here, and reports
 * nothing to a watch from a version in its future (https://etcd.io/docs/v3.5/op-guide/recovery/, "revision bump").
 * - `Resume`: watch from the last version;
 * - `Check`: the same, unless the API server has a lower version now;
 * - `List`: no API server ran meanwhile, or the last version cannot be used.
 */
type Next = 'Resume' | 'Check' | 'List';

/** Keeps views of all objects of one kind while `run` runs. */
export class Informer<R extends RawObject, V extends Identity, S extends ViewStore<V> = ViewStore<V>> {
  readonly store: S;
  readonly #options: InformerOptions<R, V, S>;
  readonly #watchdog: Watchdog;
  #next: Next = 'Resume';
  /** Ends the watch that is under way. */
  #interrupt = new AbortController();
  #synced = false;
  #seeded = false;
  #failures = 0;

  constructor(options: InformerOptions<R, V, S>) {
    this.#options = options;
    this.store = options.store ?? (new ViewStore<V>() as S);
    this.#watchdog = new Watchdog(options.stuckMs ?? defaultStuckMs);
  }

  /** The fault if the informer is stuck: it neither receives anything from the API server nor sends requests. */
  fault(): string | undefined {
    const fault = this.#watchdog.fault();
    return fault && `${this.#options.path} ${fault}`;
  }

  /** Has the first list been read? Before that, an object that is not known may still exist. */
  get synced(): boolean {
    return this.#synced;
  }

  /** The number of lists and watches that failed since the start. */
  get failures(): number {
    return this.#failures;
  }

  /** Are there data: the first list of the API server, or a snapshot from before a restart? */
  get known(): boolean {
    return this.#synced || this.#seeded;
  }

  /** Loads the views of a snapshot from before a restart. The first list replaces all of them. */
  seed(views: readonly V[]): void {
    if (this.#synced) return;
    this.#seeded = true;
    this.store.replace(views, '');
  }

  /**
   * Stores an object that the API server just returned, so that the next decision uses it, unless a newer version is known. Returns its
   * view; undefined if the object does not matter or cannot be parsed.
   */
  assume(raw: R): V | undefined {
    const view = this.#parse(raw);
    if (view !== undefined) this.store.put(view);
    return view;
  }

  /** Lists all objects again: the API server has an older version of one than is known here, so it was restored from a backup. */
  relist(): void {
    this.#next = 'List';
    this.#interrupt.abort(new Error('the API server was restored from a backup'));
  }

  /** Lists and watches until the signal aborts. After an error it logs, waits and tries again; the pauses grow. */
  async run(signal: AbortSignal): Promise<void> {
    try {
      await this.#follow(signal);
    } finally {
      this.#watchdog.rest();
    }
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const { log, path } = this.#options;
    let version: string | undefined;
    let pauseMs: number = backoffMs.first;
    while (!signal.aborted) {
      this.#watchdog.beat();
      const startedAt = performance.now();
      try {
        if (version === undefined || !(await this.#canResume(version, signal))) version = await this.#list(signal);
        const before: string = version;
        version = await this.#watch(version, signal);
        const idle = version === before && performance.now() - startedAt < shortWatchMs;
        if (idle) throw new Error('the watch ended immediately');
      } catch (error) {
        if (signal.aborted) return;
        this.#failures++;
        if (!hasStatus(error, 410)) log.warn({ path, err: error }, 'watch failed');
        if (isDown(error) || hasStatus(error, 410)) this.#next = 'List';
        if (!(error instanceof ApiError)) this.#options.onUnreachable?.();
        pauseMs = performance.now() - startedAt > backoffMs.most ? backoffMs.first : pauseMs;
        await wait(pauseMs * (0.5 + Math.random() / 2), signal);
        pauseMs = Math.min(pauseMs * 2, backoffMs.most);
      }
    }
  }

  /** Can a watch go on from this version? */
  async #canResume(version: string, signal: AbortSignal): Promise<boolean> {
    if (this.#next !== 'Check') return this.#next === 'Resume';
    const { client, path } = this.#options;
    const { metadata }: Page<R> = await client.json({ path, query: { ...this.#selection(), limit: '1' }, signal });
    return (this.#next as Next) !== 'List' && !isNewer(version, metadata.resourceVersion);
  }

  /** Replaces the whole store by a consistent list. Without `resourceVersion` the list never comes from an outdated cache. */
  async #list(signal: AbortSignal): Promise<string> {
    const { client, path, onChange } = this.#options;
    const views: V[] = [];
    let token: string | undefined;
    let version = '';
    this.store.beginList();
    while (token !== '') {
      const query = { ...this.#selection(), limit: pageSize, ...(token && { continue: token }) };
      const page: Page<R> = await client.json({ path, query, signal });
      this.#watchdog.beat();
      views.push(...page.items.map((item) => this.#parse(item)).filter((view) => view !== undefined));
      version = page.metadata.resourceVersion;
      token = page.metadata.continue ?? '';
    }
    this.store.replace(views, version);
    this.#synced = true;
    this.#next = 'Resume';
    onChange();
    return version;
  }

  /** Applies the changes after `version`. Returns the version to resume from when the server ends the watch. */
  async #watch(version: string, signal: AbortSignal): Promise<string> {
    const { client, log, path, silenceMs = defaultSilenceMs } = this.#options;
    const seconds = watchSeconds.least + Math.floor(Math.random() * (watchSeconds.most - watchSeconds.least));
    const query = {
      ...this.#selection(),
      watch: 'true',
      allowWatchBookmarks: 'true',
      resourceVersion: version,
      timeoutSeconds: String(seconds),
    };
    const endsAt = performance.now() + seconds * 1_000;
    this.#interrupt = new AbortController();
    this.#next = 'Resume';
    const silence = new AbortController();
    const endAfter = (ms: number) =>
      setTimeout(() => silence.abort(new Error(`the watch was silent for ${ms / 1000} s`)), ms);
    let timer = endAfter(seconds * 1_000 + lateMs);
    let seen = version;
    log.debug({ path, version }, 'watching');
    try {
      const either = AbortSignal.any([signal, silence.signal, this.#interrupt.signal]);
      for await (const event of client.lines<WatchEvent>({ path, query, signal: either })) {
        clearTimeout(timer);
        timer = endAfter(silenceMs);
        this.#watchdog.beat();
        this.#apply(event);
        seen = event.object.metadata.resourceVersion;
      }
    } catch (error) {
      // A broken watch is resumed. Only a refusal of the server means that the version cannot be used.
      if (signal.aborted || error instanceof ApiError || seen === version) throw error;
    } finally {
      clearTimeout(timer);
      if (this.#next === 'Resume' && performance.now() < endsAt - 1_000) this.#next = 'Check';
    }
    return seen;
  }

  #apply({ type, object }: WatchEvent): void {
    if (type === 'ERROR') throw new ApiError(object.code ?? 500, object);
    if (type === 'BOOKMARK') return;
    const { uid, resourceVersion } = object.metadata;
    const view = type === 'DELETED' ? undefined : this.#parse(object as unknown as R);
    // An object that does not matter is removed. When it matters again, it comes with a later version.
    const changed = view === undefined ? this.store.remove(uid, resourceVersion) : this.store.put(view);
    if (changed) this.#options.onChange();
  }

  /** The view of an object. An object that cannot be parsed is skipped, and all others are still processed. */
  #parse(raw: R): V | undefined {
    try {
      return this.#options.parse(raw);
    } catch (error) {
      this.#options.log.warn(
        { path: this.#options.path, object: raw.metadata.name, err: error },
        'object cannot be parsed',
      );
      return undefined;
    }
  }

  #selection(): Record<string, string> {
    const { labelSelector } = this.#options;
    return labelSelector === undefined ? {} : { labelSelector };
  }
}

/** Was no API server there: neither at the address, nor behind a load balancer at that address? */
function isDown(error: unknown): boolean {
  const { code } = error as { readonly code?: string };
  return code === 'ECONNREFUSED' || hasStatus(error, 502) || hasStatus(error, 503);
}
