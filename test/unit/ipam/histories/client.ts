/**
 * A client of an API server in memory: the program's own `KubeClient` without a network. It gets its answers at once. The test decides
 * when watch events are delivered. Writes can be held back, and the client can stop after a number of writes, as in a crash.
 */
import { ApiError, type ApiRequest, type ApiStatus, KubeClient } from '../../../../src/kube/client.ts';
import type { WatchEvent } from '../../../apiserver/history.ts';
import { targetOf } from '../../../apiserver/kinds.ts';
import type { ApiObject } from '../../../apiserver/objects.ts';
import type { ApiAnswer } from '../../../apiserver/refusals.ts';
import type { ApiStore } from '../../../apiserver/store.ts';
import { Knowledge, kinds } from './knowledge.ts';

/** What happens to the writes of a pass. */
export interface Fate {
  /** The client stops after this many writes. */
  readonly writes?: number | undefined;
  /** Writes stay under way until the test lets them arrive. */
  readonly holds?: boolean;
  /** The pass writes the statuses of pools too. */
  readonly reports?: boolean;
}

/** What the client needs. */
export interface ClientOptions {
  readonly store: ApiStore;
  /** Sends a request to the store. `known` is the client's knowledge at that moment. */
  readonly send: (request: ApiRequest, known: Knowledge) => ApiAnswer;
}

interface Stream {
  readonly path: string;
  readonly queue: WatchEvent[];
  due: number;
  wake: () => void;
  idle: () => void;
}

interface Held {
  readonly arrive: () => void;
  readonly giveUp: () => void;
}

const nowhere = { server: new URL('http://memory'), credentials: () => Promise.resolve({ tls: {}, headers: {} }) };

/** The client of one replica. */
export class MemoryClient extends KubeClient {
  readonly knowledge = new Knowledge();
  readonly #options: ClientOptions;
  readonly #streams = new Set<Stream>();
  /** The knowledge that the pass decided on, and the results of its own writes. */
  #decided = new Knowledge();
  /** The same for each write that is held back. */
  readonly #forks = new Set<Knowledge>();
  /** The Services whose status was refused as outdated: the program reads each of them again, and keeps what it reads. */
  readonly #refused = new Set<string>();
  #held: Held[] = [];
  #fate: Fate = {};
  #writes = 0;
  #isStopped = false;

  constructor(options: ClientOptions) {
    super(nowhere);
    this.#options = options;
  }

  /** The number of writes since the start of the pass, including refused ones. */
  get writes(): number {
    return this.#writes;
  }

  /** Whether the client has stopped. */
  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** Starts a pass. */
  begin(fate: Fate): void {
    this.#fate = fate;
    this.#writes = 0;
    this.#isStopped = fate.writes === 0;
  }

  /** Fixes the knowledge that the pass decides on. Watch events that arrive while its writes are under way are too late for it. */
  decide(): void {
    this.#decided = this.knowledge.fork();
  }

  /** Lets the writes that are under way arrive. No more writes are held back. */
  arrive(): void {
    this.#fate = { ...this.#fate, holds: false };
    for (const one of this.#held.splice(0)) one.arrive();
  }

  /** Stops waiting for the answers to writes under way. Returns a function that lets those writes arrive nevertheless. */
  giveUp(): () => void {
    this.#fate = { ...this.#fate, holds: false };
    const held = this.#held.splice(0);
    for (const one of held) one.giveUp();
    return () => {
      for (const one of held) one.arrive();
    };
  }

  /** Delivers the waiting watch events, of all kinds or of one. */
  async deliver(path?: string): Promise<void> {
    const due = [...this.#streams].filter((stream) => path === undefined || stream.path === path);
    const taken = due.map((stream) => {
      stream.due = stream.queue.length;
      return new Promise<void>((resolve) => {
        stream.idle = resolve;
        stream.wake();
      });
    });
    await Promise.all(taken);
  }

  override async json<T>(request: ApiRequest): Promise<T> {
    if (this.#isStopped) return never();
    const { method = 'GET', path } = request;
    if (path.startsWith('/apis/events.k8s.io/')) return {} as T;
    if (method === 'GET') return this.#answer<T>(request, this.knowledge);
    this.#writes += 1;
    const isLast = this.#writes === this.#fate.writes;
    if (isLast) this.#isStopped = true;
    if (!this.#fate.holds) {
      const answer = this.#answer<T>(request, this.#decided);
      if (!isLast) return answer;
      await answer.catch(() => undefined);
      return never();
    }
    const known = this.#decided.fork();
    this.#forks.add(known);
    try {
      await this.#onItsWay(request, known);
    } finally {
      this.#forks.delete(known);
    }
    return this.#answer<T>(request, known);
  }

  override async *lines<T>({ path, query = {}, signal }: ApiRequest): AsyncGenerator<T> {
    const stream: Stream = { path, queue: [], due: 0, wake: () => undefined, idle: () => undefined };
    const listener = { event: (event: WatchEvent) => void stream.queue.push(event), ended: () => undefined };
    const stop = this.#options.store.watch(path, query, listener);
    this.#streams.add(stream);
    signal?.addEventListener('abort', () => stream.wake(), { once: true });
    try {
      while (!signal?.aborted) {
        for (; stream.due > 0; stream.due--) {
          const event = stream.queue.shift() as WatchEvent;
          this.#hear(path, event);
          yield event as T;
        }
        await new Promise<void>((resolve) => {
          stream.wake = resolve;
          stream.idle();
        });
      }
    } finally {
      this.#streams.delete(stream);
      stop();
      stream.idle();
    }
  }

  /** Resolves when the write arrives. Rejects when the client stops waiting. The write then arrives without the client. */
  #onItsWay(request: ApiRequest, known: Knowledge): Promise<void> {
    return new Promise((resolve, reject) => {
      let isGivenUp = false;
      this.#held.push({
        arrive: () => (isGivenUp ? void this.#options.send(request, known) : resolve()),
        giveUp: () => {
          isGivenUp = true;
          reject(new Error('no answer'));
        },
      });
    });
  }

  async #answer<T>(request: ApiRequest, known: Knowledge): Promise<T> {
    const { status, body } = this.#options.send(request, known);
    const { method = 'GET', path } = request;
    if (method === 'GET' && this.#refused.delete(path)) this.#learnService(path, { status, body });
    else learn(this.knowledge, request, { status, body });
    const isOfService = path.startsWith('/api/v1/namespaces/');
    if (method === 'PATCH' && isOfService && (status === 404 || status === 409))
      this.#refused.add(path.replace(/\/status$/, ''));
    // Everything else in an answer, also about the writes of other clients, came after the decision.
    const own = method !== 'GET' && path.startsWith(kinds.allocations) ? [this.#decided, ...this.#forks] : [];
    for (const one of own) learn(one, request, { status, body });
    if (status >= 300) throw new ApiError(status, body as ApiStatus);
    return body as T;
  }

  #learnService(path: string, { status, body }: ApiAnswer): void {
    const [, , , , namespace, , name] = path.split('/');
    const live = status < 300 ? (body as ApiObject) : undefined;
    for (const { metadata } of this.knowledge.named(kinds.services, `${namespace}/${name}`)) {
      if (metadata.uid !== live?.metadata.uid)
        this.knowledge.miss(kinds.services, metadata.uid, metadata.resourceVersion);
    }
    if (live) this.knowledge.hear(kinds.services, live);
  }

  #hear(path: string, { type, object }: WatchEvent): void {
    const { uid, resourceVersion } = (object as ApiObject).metadata;
    if (type === 'DELETED') this.knowledge.miss(path, uid, resourceVersion);
    else if (type !== 'BOOKMARK') this.knowledge.hear(path, object as ApiObject);
  }
}

/** Learns from an answer: a list, a ledger entry, or the result of a write. Most reads of a single Service teach nothing. */
function learn(knowledge: Knowledge, { method = 'GET', path, body: sent }: ApiRequest, { status, body }: ApiAnswer) {
  const isLook = method === 'GET' && path.startsWith('/api/v1/namespaces/');
  const target = isLook ? undefined : targetOf(path);
  if (target === undefined) return;
  const { kind, name } = target;
  const { collection } = kind;
  const object = status < 300 ? (body as ApiObject) : undefined;
  if (method === 'GET' && name === undefined && object) {
    for (const item of object.items as readonly ApiObject[]) knowledge.hear(collection, item);
  } else if (method === 'GET' && name !== undefined && collection === kinds.allocations) {
    knowledge.missName(collection, name, object?.metadata.uid);
    if (object) knowledge.hear(collection, object);
  } else if (method === 'DELETE' && object) {
    const { uid = '', resourceVersion = '' } = (sent as { preconditions?: Record<string, string> }).preconditions ?? {};
    knowledge.miss(collection, uid, resourceVersion);
  } else if (method !== 'GET' && object) knowledge.hear(collection, object);
}

function never(): Promise<never> {
  return new Promise(() => undefined);
}
