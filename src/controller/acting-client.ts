/** The requests of a leader: none begins when the Lease may have run out. */
import type { ApiRequest, Requests } from '../kube/client.ts';

/**
 * Checks before each request whether this process still leads. The timer that ends the lead is late if the process stood still, or if a pass
 * took long; the clock is not.
 */
export class ActingClient implements Requests {
  readonly #client: Requests;
  readonly #throwIfLost: () => void;

  constructor(client: Requests, throwIfLost: () => void) {
    this.#client = client;
    this.#throwIfLost = throwIfLost;
  }

  /** As {@link KubeClient.json}. Rejects without a request if the lead is lost. */
  async json<T>(request: ApiRequest): Promise<T> {
    this.#throwIfLost();
    return this.#client.json<T>(request);
  }

  /** As {@link KubeClient.apply}. Rejects without a request if the lead is lost. */
  async apply<T>(request: Parameters<Requests['apply']>[0]): Promise<T> {
    this.#throwIfLost();
    return this.#client.apply<T>(request);
  }
}
