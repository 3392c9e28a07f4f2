/** Adapters that send requests to an API server: directly to the one in memory, or to any by a client. */
import { ApiError, type ApiRequest, type KubeClient } from '../../../src/kube/client.ts';
import type { WatchEvent } from '../history.ts';
import type { ApiStore } from '../store.ts';
import type { AskedApi } from './asking.ts';

/** Sends requests directly to an API server in memory. */
export function directly(store: ApiStore): AskedApi {
  return {
    request: (request) => store.request(request),
    watch: (path, query, wanted) => {
      const events: WatchEvent[] = [];
      const enough = Promise.withResolvers<readonly WatchEvent[]>();
      const stop = store.watch(path, query, {
        event: (event) => {
          events.push(event);
          if (events.length === wanted) enough.resolve(events);
        },
        ended: () => enough.resolve(events),
      });
      return enough.promise.finally(stop);
    },
  };
}

/** Sends requests by a client. */
export function byClient(client: KubeClient): AskedApi {
  return {
    request: async (request) => {
      try {
        return { status: 200, body: await client.json(request as ApiRequest) };
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        const { status, reason, message, causes } = error;
        return { status, body: { reason, message, details: { causes: causes.map((one) => ({ reason: one })) } } };
      }
    },
    watch: async (path, query, wanted) => {
      const events: WatchEvent[] = [];
      for await (const event of client.lines<WatchEvent>({ path, query: { ...query, watch: 'true' } })) {
        events.push(event);
        if (events.length === wanted) break;
      }
      return events;
    },
  };
}
