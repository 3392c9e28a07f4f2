/** Counts and times the requests to the API server. */
import { Distribution, type Metric, Tally } from '../runtime/metrics.ts';
import { resourceAt } from './resources.ts';

/** A request and its result. */
interface Call {
  readonly method: string;
  readonly path: string;
  readonly watches: boolean;
  /** The HTTP status, or a word if there was no answer (`ECONNREFUSED`, `Aborted`). */
  readonly code: string;
  readonly seconds: number;
}

const verbs: Readonly<Record<string, string>> = { POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' };

/** The names of RBAC for a request: the verb, and the resource with its subresource. */
export function rbacNamesOf({ method, path, watches }: Pick<Call, 'method' | 'path' | 'watches'>) {
  const { resource, isOne } = resourceAt(path);
  const read = watches ? 'watch' : isOne ? 'get' : 'list';
  return { verb: verbs[method] ?? read, resource };
}

/** Counts all requests of one client. */
export class CallMetrics {
  readonly #calls = new Tally();
  readonly #seconds = new Distribution({
    name: 'berth_kube_request_duration_seconds',
    help: 'Time until the API server began to answer, without watches',
    labels: ['verb'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
  });

  /** Records a request that was answered or failed. */
  note(call: Call): void {
    const { verb, resource } = rbacNamesOf(call);
    this.#calls.count({ verb, resource, code: call.code });
    if (!call.watches) this.#seconds.observe(call.seconds, { verb });
  }

  /** The metrics of all requests. */
  get metrics(): readonly (Metric | Distribution)[] {
    const calls: Metric = {
      name: 'berth_kube_requests_total',
      help: 'Requests to the API server by verb, resource and HTTP status, or the reason if there was no answer',
      kind: 'counter',
      labels: ['verb', 'resource', 'code'],
      read: () => this.#calls.samples,
    };
    return [calls, this.#seconds];
  }
}
