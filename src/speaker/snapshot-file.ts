/**
 * What a speaker knows, in a file, so that it can go on after a restart without the API server: the views of its informers, as the API told
 * them to this speaker, and its own claims. It outlives the container, not the Pod.
 */
import type { Identity } from '../api/meta.ts';
import { type Claim, digestOf } from '../liveness/messages.ts';
import type { Logger } from '../runtime/logger.ts';
import { readValues, writeValues } from '../runtime/value-file.ts';
import { type Informers, isKnown, isSynced } from './informers.ts';

/** Rises with every change of a view or a claim: what another version of Berth wrote is not understood. */
export const snapshotVersion = 4;

/** What the file holds. */
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

/** Where the file is and whose it is. */
export interface SnapshotFileOptions {
  /** undefined: nothing is kept. */
  readonly file: string | undefined;
  readonly node: string;
  readonly log: Pick<Logger, 'info' | 'warn'>;
}

/** Items that are made into bytes in one go: a few milliseconds of the main loop. */
const partSize = 250;
const claimsName = 'claims';

/** What was saved by this version of Berth on this node; undefined, and one line in the log, where there is nothing of use. */
export async function readSaved({ file, node, log }: SnapshotFileOptions): Promise<Saved | undefined> {
  if (file === undefined) return undefined;
  const ignored = (reason: string, message?: string) => {
    log[reason === 'ENOENT' ? 'info' : 'warn']({ file, reason, message }, 'no snapshot to work from');
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

/** Writes the file. Rejects where it cannot be written. */
export function writeSaved(file: string, node: string, saved: Saved): Promise<void> {
  return writeValues(file, valuesOf(node, saved));
}

function* valuesOf(node: string, { savedAt, views, claims }: Saved): Generator<Header | Part> {
  yield { version: snapshotVersion, node, savedAt };
  for (const [of, all] of [...Object.entries(views), [claimsName, claims] as const]) {
    for (let at = 0; at < all.length; at += partSize) yield { of, items: all.slice(at, at + partSize) };
  }
}

/** What the snapshot is made of, and who works from it. */
export interface Live {
  readonly informers: Informers;
  /** The claims to remember. */
  readonly claims: () => readonly Claim[];
  /** The informers have something to work from. */
  readonly onUse: () => void;
}

/** How long the API server has to tell everything before a speaker works from what it knew. */
const apiTimeoutMs = 1_000;
const saveMs = 5_000;

/** Reads the snapshot that was left before a restart. */
export async function openSnapshotFile(place: SnapshotFileOptions): Promise<SnapshotFile> {
  return new SnapshotFile(place, await readSaved(place));
}

/** Uses the snapshot when the API server does not answer, and keeps it up to date. */
export class SnapshotFile {
  readonly #place: SnapshotFileOptions;
  /** Until it is used, or not needed any more: it is as large as all informers. */
  #saved: Saved | undefined;
  #live: Live | undefined;
  /** What the file says, in short. */
  #written = '';
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

  /** Begins to wait for the API server, and to save. */
  start(live: Live): void {
    this.#live = live;
    this.#useTimer = setTimeout(this.use, apiTimeoutMs).unref();
    this.#saveTimer = setInterval(() => void this.#save(), saveMs).unref();
  }

  /** The API server does not answer: what it has not told yet is taken from the snapshot. */
  use = (): void => {
    const [saved, live] = [this.#saved, this.#live];
    this.#saved = undefined;
    if (saved === undefined || live === undefined || isSynced(live.informers)) return;
    for (const [name, informer] of Object.entries(live.informers)) informer.seed((saved.views[name] ?? []) as never);
    this.#place.log.warn({ savedAt: saved.savedAt }, 'working from the snapshot until the API server answers');
    live.onUse();
  };

  /** Saves what has changed last. */
  async close(): Promise<void> {
    clearTimeout(this.#useTimer);
    clearInterval(this.#saveTimer);
    await this.#saving;
    await this.#save();
  }

  #save(): Promise<void> {
    this.#saving ??= this.#saveChanges().finally(() => (this.#saving = undefined));
    return this.#saving;
  }

  async #saveChanges(): Promise<void> {
    const [{ file, node, log }, live] = [this.#place, this.#live];
    if (file === undefined || live === undefined || !isKnown(live.informers)) return;
    const claims = live.claims();
    const stores = Object.entries(live.informers).map(([name, { store }]) => [name, store] as const);
    const state = JSON.stringify([stores.map(([, { revision }]) => revision), digestOf(claims)]);
    if (state === this.#written) return;
    const views = Object.fromEntries(stores.map(([name, store]) => [name, store.values()]));
    try {
      await writeSaved(file, node, { savedAt: new Date().toISOString(), views, claims });
      this.#written = state;
      this.#isFailing = false;
    } catch (error) {
      if (!this.#isFailing) log.warn({ file, err: error }, 'snapshot not written');
      this.#isFailing = true;
    }
  }
}
