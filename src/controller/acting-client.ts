/** The requests of a leader: none begins when the Lease may have run out, and none goes on after that. */
import type { ApiRequest, Requests } from '../kube/client.ts';

/**
 * Checks before each request whether this process still leads. The timer that ends the lead is late if the process stood still, or if a pass
 * took long; the clock is not.
 */
export class ActingClient implements Requests {
  readonly #client: Requests;
  readonly #signal: AbortSignal;
  readonly #throwIfLost: () => void;

  /** The signal aborts when the lead ends. The Lease is given back only after all requests have ended, so each of them must. */
  constructor(client: Requests, { signal, throwIfLost }: { signal: AbortSignal; throwIfLost: () => void }) {
    this.#client = client;
    this.#signal = signal;
    this.#throwIfLost = throwIfLost;
  }

  /** As {@link KubeClient.json}. Rejects without a request if the lead is lost. */
  async json<T>(request: ApiRequest): Promise<T> {
    this.#throwIfLost();
    return this.#client.json<T>({ signal: this.#signal, ...request });
  }

  /** As {@link KubeClient.apply}. Rejects without a request if the lead is lost. */
  async apply<T>(request: Parameters<Requests['apply']>[0]): Promise<T> {
    this.#throwIfLost();
    return this.#client.apply<T>({ signal: this.#signal, ...request });
  }
}
