/** What may go wrong between a client and the API server, as a test orders it. */
import { ApiStore, type Backup, type StoreRequest } from './store.ts';

/** A request as it came. */
export interface Asked extends StoreRequest {
  readonly method: string;
  readonly query: Readonly<Record<string, string>>;
  readonly watches: boolean;
  /** When it came: `performance.now()`. */
  readonly at: number;
}

/** Which requests are meant. What is not said does not matter. */
export interface Wanted {
  readonly method?: string;
  readonly path?: string | RegExp;
  readonly watches?: boolean;
  readonly body?: RegExp;
}

/** What becomes of a request. */
export type Effect =
  /** It is answered with an HTTP status, and nothing is done. */
  | { readonly kind: 'Refuse'; readonly status: number; readonly reason?: string; readonly retryAfter?: number }
  /** It is carried out later. */
  | { readonly kind: 'Delay'; readonly ms: number }
  /** It waits until the test lets it go, and is carried out then, even if its sender is gone. */
  | { readonly kind: 'Hold' }
  /** It is never answered, and nothing is done. */
  | { readonly kind: 'Hang' }
  /** The connection ends, and nothing is done. */
  | { readonly kind: 'Drop' }
  /** It is carried out, and the connection ends without an answer. */
  | { readonly kind: 'LoseAnswer' }
  /** It is carried out, and the answer waits until the test lets it go. */
  | { readonly kind: 'HoldAnswer' }
  /** It is read from what was there then. */
  | { readonly kind: 'Stale'; readonly backup: Backup }
  /** The watch ends as soon as it has begun, without an error. */
  | { readonly kind: 'EndWatch' };

/** An effect on some requests. */
export class Fault {
  readonly wanted: Wanted;
  readonly effect: Effect;
  /** Resolves when the first request has met it. */
  readonly met: Promise<Asked>;
  readonly #first = Promise.withResolvers<Asked>();
  readonly #released = Promise.withResolvers<void>();
  readonly #carriedOut = Promise.withResolvers<number>();
  #left: number;
  #count = 0;
  #old: ApiStore | undefined;

  constructor(wanted: Wanted, effect: Effect, times: number) {
    this.wanted = wanted;
    this.effect = effect;
    this.met = this.#first.promise;
    this.#left = times;
  }

  /** How many requests have met it. */
  get count(): number {
    return this.#count;
  }

  /** Resolves when the test lets go what waits. */
  get released(): Promise<void> {
    return this.#released.promise;
  }

  /** Takes the request if it is meant. */
  takes(asked: Asked): boolean {
    if (this.#left <= 0 || !isWanted(asked, this.wanted)) return false;
    this.#left -= 1;
    this.#count += 1;
    this.#first.resolve(asked);
    return true;
  }

  /** Ends it: later requests do not meet it, and what waits goes on. Gives the HTTP status of what waited first. */
  heal(): Promise<number> {
    this.#left = 0;
    this.#released.resolve();
    return this.#carriedOut.promise;
  }

  /** What waited was carried out. */
  note(status: number): void {
    this.#carriedOut.resolve(status);
  }

  /** The store as it was. */
  old(backup: Backup): ApiStore {
    if (this.#old === undefined) {
      this.#old = new ApiStore();
      this.#old.restore(backup);
    }
    return this.#old;
  }
}

/** Is the request meant? */
export function isWanted({ method, path, watches, body }: Asked, wanted: Wanted): boolean {
  if (wanted.method !== undefined && wanted.method !== method) return false;
  if (wanted.watches !== undefined && wanted.watches !== watches) return false;
  if (typeof wanted.path === 'string' ? wanted.path !== path : wanted.path && !wanted.path.test(path)) return false;
  return wanted.body === undefined || wanted.body.test(JSON.stringify(body) ?? '');
}
