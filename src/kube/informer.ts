/** An informer: lists a kind once, watches it from there on, and keeps a small view of each object. */
import type { Identity } from '../api/meta.ts';
import type { Logger } from '../runtime/logger.ts';
import { wait } from '../runtime/wait.ts';
import { Watchdog } from '../runtime/watchdog.ts';
import { ApiError, hasStatus, type KubeClient } from './client.ts';
import { ViewStore } from './view-store.ts';

interface RawObject {
  readonly metadata: { readonly name: string; readonly uid: string; readonly resourceVersion: string };
}

/** What to inform about. */
export interface InformerOptions<R extends RawObject, V extends Identity> {
  readonly client: KubeClient;
  readonly log: Logger;
  readonly path: string;
  readonly labelSelector?: string;
  /** The part of an object that is kept; undefined for objects that do not matter. */
  readonly parse: (raw: R) => V | undefined;
  readonly onChange: () => void;
  /** A watch that says nothing for so long is made anew. Bookmarks come once a minute: the default is 90 s. */
  readonly silenceMs?: number;
  /** Longer than any request or pause may take: what is silent for so long is stuck. By default four minutes. */
  readonly stuckMs?: number;
  /** The API server was asked, and has not answered at all. */
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
/** Bookmarks come once a minute: a longer silence is a connection that died without a word. */
const defaultSilenceMs = 90_000;
/** A silent watch is given up, and then a page of a list has 30 s. An API server that is away is asked all the time: that is no fault of ours. */
const defaultStuckMs = 240_000;
/** A proxy, or an API server on its way out, may end watches at once without an error. */
const shortWatchMs = 1_000;
const backoffMs = { first: 200, most: 10_000 } as const;

/** Keeps views of all objects of one kind. Run it until its signal aborts. */
export class Informer<R extends RawObject, V extends Identity> {
  readonly store = new ViewStore<V>();
  readonly #options: InformerOptions<R, V>;
  readonly #pulse: Watchdog;
  #synced = false;
  #seeded = false;
  #failures = 0;

  constructor(options: InformerOptions<R, V>) {
    this.#options = options;
    this.#pulse = new Watchdog(options.stuckMs ?? defaultStuckMs);
  }

  /** What is wrong: it neither hears from the API server nor asks it any more. */
  fault(): string | undefined {
    const fault = this.#pulse.fault();
    return fault && `${this.#options.path} ${fault}`;
  }

  /** Has the first list been taken in? Before that, an absent object means nothing. */
  get synced(): boolean {
    return this.#synced;
  }

  /** How often a list or a watch has failed since the start. */
  get failures(): number {
    return this.#failures;
  }

  /** Is there something to work from: the API server's own word, or what was known before a restart? */
  get known(): boolean {
    return this.#synced || this.#seeded;
  }

  /** Takes in what was known before a restart. It counts until the first list replaces all of it. */
  seed(views: readonly V[]): void {
    if (this.#synced) return;
    this.#seeded = true;
    this.store.replace(views, '');
  }

  /** Takes in an object that a write of ours just returned, so that the next decision sees it at once. */
  assume(raw: R): void {
    const view = this.#parse(raw);
    if (view !== undefined) this.store.put(view);
  }

  /** Lists and watches until the signal aborts; errors are logged and tried again with growing pauses. */
  async run(signal: AbortSignal): Promise<void> {
    try {
      await this.#follow(signal);
    } finally {
      this.#pulse.rest();
    }
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const { log, path } = this.#options;
    let version: string | undefined;
    let pauseMs: number = backoffMs.first;
    while (!signal.aborted) {
      this.#pulse.beat();
      const startedAt = performance.now();
      try {
        version ??= await this.#list(signal);
        const before: string = version;
        version = await this.#watch(version, signal);
        const idle = version === before && performance.now() - startedAt < shortWatchMs;
        if (idle) throw new Error('the watch ended as soon as it began');
      } catch (error) {
        if (signal.aborted) return;
        this.#failures++;
        // 410: the version is older than what the API server remembers; anything else resumes where it stopped.
        if (hasStatus(error, 410)) version = undefined;
        else log.warn({ path, err: error }, 'watch failed');
        if (!(error instanceof ApiError)) this.#options.onUnreachable?.();
        pauseMs = performance.now() - startedAt > backoffMs.most ? backoffMs.first : pauseMs;
        await wait(pauseMs * (0.5 + Math.random() / 2), signal);
        pauseMs = Math.min(pauseMs * 2, backoffMs.most);
      }
    }
  }

  /** Replaces the whole store by a consistent list (no `resourceVersion`: never from a cache that lags). */
  async #list(signal: AbortSignal): Promise<string> {
    const { client, path, onChange } = this.#options;
    const views: V[] = [];
    let token: string | undefined;
    let version = '';
    while (token !== '') {
      const query = { ...this.#selection(), limit: pageSize, ...(token && { continue: token }) };
      const page: Page<R> = await client.json({ path, query, signal });
      this.#pulse.beat();
      views.push(...page.items.map((item) => this.#parse(item)).filter((view) => view !== undefined));
      version = page.metadata.resourceVersion;
      token = page.metadata.continue ?? '';
    }
    // Of what was seeded nothing stays, however new it looks: the API server may have been restored from a backup.
    if (!this.#synced) this.store.clear();
    this.store.replace(views, version);
    this.#synced = true;
    onChange();
    return version;
  }

  /** Follows the changes after `version`. Returns the version to resume from when the server ends the watch. */
  async #watch(version: string, signal: AbortSignal): Promise<string> {
    const { client, log, path, silenceMs = defaultSilenceMs } = this.#options;
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
    log.debug({ path, version }, 'watching');
    try {
      const either = AbortSignal.any([signal, silence.signal]);
      for await (const event of client.lines<WatchEvent>({ path, query, signal: either })) {
        timer.refresh();
        this.#pulse.beat();
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
    if (type === 'ERROR') throw new ApiError(object.code ?? 500, object);
    if (type === 'BOOKMARK') return;
    const { uid, resourceVersion } = object.metadata;
    const view = type === 'DELETED' ? undefined : this.#parse(object as unknown as R);
    // An object that does not matter now comes back with a later version when it does.
    const changed = view === undefined ? this.store.remove(uid, resourceVersion) : this.store.put(view);
    if (changed) this.#options.onChange();
  }

  /** An object that nobody foresaw costs itself only. */
  #parse(raw: R): V | undefined {
    try {
      return this.#options.parse(raw);
    } catch (error) {
      this.#options.log.warn(
        { path: this.#options.path, object: raw.metadata.name, err: error },
        'object not understood',
      );
      return undefined;
    }
  }

  #selection(): Record<string, string> {
    const { labelSelector } = this.#options;
    return labelSelector === undefined ? {} : { labelSelector };
  }
}
