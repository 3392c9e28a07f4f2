/**
 * The state of a speaker in a file, so that it can go on after a restart without the API server: the views of its informers, as the API server
 * sent them to this speaker, and its own claims. The file outlives the container, not the Pod.
 */
import type { Identity } from '../api/meta.ts';
import { isKnown, isSynced } from '../kube/informer-set.ts';
import { type Claim, digestOf } from '../liveness/messages.ts';
import type { Logger } from '../runtime/logger.ts';
import { readValues, writeValues } from '../runtime/value-file.ts';
import type { Informers } from './informers.ts';

/** Must be raised with every change of a view or a claim: a file that another version of Berth wrote is not read. */
export const snapshotVersion = 10;

/** The content of the file. */
export interface Saved {
  /** RFC 3339. */
  readonly savedAt: string;
  /** The views, by the name of their informer. */
  readonly views: Readonly<Record<string, readonly Identity[]>>;
  readonly claims: readonly Claim[];
}

interface Header {
  readonly version: number;
  readonly node: string;
  readonly savedAt: string;
}

interface Part {
  readonly of: string;
  readonly items: readonly unknown[];
}

/** The location of the file, and the node that it belongs to. */
interface SnapshotFileOptions {
  /** undefined: no file is kept. */
  readonly file: string | undefined;
  readonly node: string;
  readonly log: Pick<Logger, 'info' | 'warn'>;
}

/** Items that are encoded in one go: a few milliseconds of the main loop. */
const partSize = 250;
const claimsName = 'claims';

/** Reads what this version of Berth saved on this node. Returns undefined, and logs one line, if there is nothing usable. */
export async function readSaved({ file, node, log }: SnapshotFileOptions): Promise<Saved | undefined> {
  if (file === undefined) return undefined;
  const ignored = (reason: string, message?: string) => {
    log[reason === 'ENOENT' ? 'info' : 'warn']({ file, reason, message }, 'no usable snapshot');
    return undefined;
  };
  try {
    const [header, ...parts] = (await readValues(file)) as [Header | undefined, ...Part[]];
    if (header?.version !== snapshotVersion) return ignored('OtherVersion');
    if (header.node !== node) return ignored('OtherNode', header.node);
    return savedOf(header, parts);
  } catch (error) {
    const { code = 'Unknown', message } = error as NodeJS.ErrnoException;
    return ignored(code === 'EBADMSG' ? 'Damaged' : code, message);
  }
}

function savedOf({ savedAt }: Header, parts: readonly Part[]): Saved {
  const all: Record<string, unknown[]> = {};
  for (const { of, items } of parts) {
    all[of] ??= [];
    all[of].push(...items);
  }
  const { [claimsName]: claims = [], ...views } = all;
  return { savedAt, views: views as Saved['views'], claims: claims as Claim[] };
}

/** Writes the file. Rejects if it cannot be written. */
export function writeSaved(file: string, node: string, saved: Saved): Promise<void> {
  return writeValues(file, valuesOf(node, saved));
}

function* valuesOf(node: string, { savedAt, views, claims }: Saved): Generator<Header | Part> {
  yield { version: snapshotVersion, node, savedAt };
  for (const [of, all] of [...Object.entries(views), [claimsName, claims] as const]) {
    for (let at = 0; at < all.length; at += partSize) yield { of, items: all.slice(at, at + partSize) };
  }
}

/** The sources of the snapshot, and the callback for its use. */
interface Live {
  readonly informers: Informers;
  /** The claims to remember. */
  readonly claims: () => readonly Claim[];
  /** Called when the snapshot was given to the informers. */
  readonly onUse: () => void;
}

/** The time that the API server has to send all lists. After that the speaker works from the snapshot. */
const apiTimeoutMs = 1_000;
const saveMs = 5_000;
/** Pods start and end all the time. Changes of EndpointSlices on which nothing depends are saved at most this often. */
const saveIdleMs = 60_000;

/** The state that a file has. */
interface Written {
  /** The revisions and the digest of everything on which a decision depends. */
  readonly state: string;
  readonly slices: number;
  /** Milliseconds on a monotonic clock. */
  readonly at: number;
}

/** Reads the snapshot that the former run of the speaker has left. */
export async function openSnapshotFile(place: SnapshotFileOptions): Promise<SnapshotFile> {
  return new SnapshotFile(place, await readSaved(place));
}

/** Uses the snapshot when the API server does not answer, and keeps it up to date. */
export class SnapshotFile {
  readonly #place: SnapshotFileOptions;
  /** Kept until it is used or not needed any more: it is as large as all informers. */
  #saved: Saved | undefined;
  #live: Live | undefined;
  #written: Written | undefined;
  #saving: Promise<void> | undefined;
  #isFailing = false;
  #useTimer: NodeJS.Timeout | undefined;
  #saveTimer: NodeJS.Timeout | undefined;

  constructor(place: SnapshotFileOptions, saved: Saved | undefined) {
    this.#place = place;
    this.#saved = saved;
  }

  /** The claims of this node before its restart. */
  get claims(): readonly Claim[] {
    return this.#saved?.claims ?? [];
  }

  /** Starts to wait for the API server, and to save. */
  start(live: Live): void {
    this.#live = live;
    this.#useTimer = setTimeout(this.use, apiTimeoutMs).unref();
    this.#saveTimer = setInterval(() => void this.#save(), saveMs).unref();
  }

  /** The API server does not answer: the lists that it has not sent yet are taken from the snapshot. */
  use = (): void => {
    const [saved, live] = [this.#saved, this.#live];
    this.#saved = undefined;
    if (saved === undefined || live === undefined || isSynced(live.informers)) return;
    for (const [name, informer] of Object.entries(live.informers)) informer.seed((saved.views[name] ?? []) as never);
    this.#place.log.warn({ savedAt: saved.savedAt }, 'working from the snapshot until the API server answers');
    live.onUse();
  };

  /** Saves the last changes. */
  async close(): Promise<void> {
    clearTimeout(this.#useTimer);
    clearInterval(this.#saveTimer);
    await this.#saving;
    await this.#saveChanges(true);
  }

  #save(): Promise<void> {
    this.#saving ??= this.#saveChanges(false).finally(() => (this.#saving = undefined));
    return this.#saving;
  }

  async #saveChanges(isLast: boolean): Promise<void> {
    const [{ file, node, log }, live] = [this.#place, this.#live];
    if (file === undefined || live === undefined || !isKnown(live.informers)) return;
    const claims = live.claims();
    const stores = Object.entries(live.informers).map(([name, { store }]) => [name, store] as const);
    const now = writtenOf(live.informers, claims);
    const before = this.#written;
    const isDue = isLast || now.at - (before?.at ?? 0) >= saveIdleMs;
    if (now.state === before?.state && (now.slices === before.slices || !isDue)) return;
    const views = Object.fromEntries(stores.map(([name, store]) => [name, store.values()]));
    try {
      await writeSaved(file, node, { savedAt: new Date().toISOString(), views, claims });
      this.#written = now;
      this.#isFailing = false;
    } catch (error) {
      if (!this.#isFailing) log.warn({ file, err: error }, 'cannot write the snapshot');
      this.#isFailing = true;
    }
  }
}

function writtenOf({ endpointSlices, ...others }: Informers, claims: readonly Claim[]): Written {
  const revisions = Object.values(others).map(({ store }) => store.revision);
  const state = JSON.stringify([...revisions, endpointSlices.store.answersRevision, digestOf(claims)]);
  return { state, slices: endpointSlices.store.revision, at: performance.now() };
}
