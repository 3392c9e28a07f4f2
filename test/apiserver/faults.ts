/** Faults between a client and the API server, which a test can inject. */
import { ApiStore, type Backup, type StoreRequest } from './store.ts';

/** A request that the API server received. */
export interface Asked extends StoreRequest {
  readonly method: string;
  readonly query: Readonly<Record<string, string>>;
  readonly watches: boolean;
  /** The time of arrival: `performance.now()`. */
  readonly at: number;
}

/** A filter for requests. A field that is left out matches every request. */
export interface Wanted {
  readonly method?: string;
  readonly path?: string | RegExp;
  readonly watches?: boolean;
  readonly body?: RegExp;
}

/** What happens to a request. */
export type Effect =
  /** The answer is an HTTP status, and the request is not carried out. */
  | { readonly kind: 'Refuse'; readonly status: number; readonly reason?: string; readonly retryAfter?: number }
  /** The request is carried out later. */
  | { readonly kind: 'Delay'; readonly ms: number }
  /** The request waits until the test releases it. Then it is carried out, even if its sender is gone. */
  | { readonly kind: 'Hold' }
  /** The request is never answered, and not carried out. */
  | { readonly kind: 'Hang' }
  /** The connection ends, and the request is not carried out. */
  | { readonly kind: 'Drop' }
  /** The request is carried out, and the connection ends without an answer. */
  | { readonly kind: 'LoseAnswer' }
  /** The request is carried out, and the answer waits until the test releases it. */
  | { readonly kind: 'HoldAnswer' }
  /** A change is not carried out, and the answer is the object as it is: a webhook undoes the change. */
  | { readonly kind: 'Undo' }
  /** The request is answered from an earlier state of the store. */
  | { readonly kind: 'Stale'; readonly backup: Backup }
  /** The watch ends without an error as soon as it has begun. */
  | { readonly kind: 'EndWatch' };

/** A fault: an effect on the requests that match a filter. */
export class Fault {
  readonly wanted: Wanted;
  readonly effect: Effect;
  /** Resolves when the fault takes its first request. */
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

  /** The number of requests that the fault has taken. */
  get count(): number {
    return this.#count;
  }

  /** Resolves when the test releases the requests that wait. */
  get released(): Promise<void> {
    return this.#released.promise;
  }

  /** Takes the request if the filter matches it and the fault has not yet taken its number of requests. */
  takes(asked: Asked): boolean {
    if (this.#left <= 0 || !isWanted(asked, this.wanted)) return false;
    this.#left -= 1;
    this.#count += 1;
    this.#first.resolve(asked);
    return true;
  }

  /** Ends the fault, and releases the requests that wait. Returns the HTTP status of the first of them. */
  heal(): Promise<number> {
    this.#left = 0;
    this.#released.resolve();
    return this.#carriedOut.promise;
  }

  /** Records the HTTP status of a request that waited and has been carried out. */
  note(status: number): void {
    this.#carriedOut.resolve(status);
  }

  /** A store with the state of the backup. */
  old(backup: Backup): ApiStore {
    if (this.#old === undefined) {
      this.#old = new ApiStore();
      this.#old.restore(backup);
    }
    return this.#old;
  }
}

/** Whether the filter matches the request. */
export function isWanted({ method, path, watches, body }: Asked, wanted: Wanted): boolean {
  if (wanted.method !== undefined && wanted.method !== method) return false;
  if (wanted.watches !== undefined && wanted.watches !== watches) return false;
  if (typeof wanted.path === 'string' ? wanted.path !== path : wanted.path && !wanted.path.test(path)) return false;
  return wanted.body === undefined || wanted.body.test(JSON.stringify(body) ?? '');
}
