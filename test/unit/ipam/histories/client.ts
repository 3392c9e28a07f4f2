/**
 * A client of an API server in memory: the program's own `KubeClient` without a network. Its answers come at once. What it watches is
 * delivered when the test says so, its writes can be held back on their way, and it stops after so many writes, as in a crash.
 */
import { ApiError, type ApiRequest, type ApiStatus, KubeClient } from '../../../../src/kube/client.ts';
import type { WatchEvent } from '../../../apiserver/history.ts';
import { targetOf } from '../../../apiserver/kinds.ts';
import type { ApiObject } from '../../../apiserver/objects.ts';
import type { ApiAnswer } from '../../../apiserver/refusals.ts';
import type { ApiStore } from '../../../apiserver/store.ts';
import { Knowledge, kinds } from './knowledge.ts';

/** How the writes of a pass go. */
export interface Fate {
  /** The client stops after so many. */
  readonly writes?: number | undefined;
  /** Writes stay on their way until they are let go. */
  readonly holds?: boolean;
  /** The pass writes pools' statuses too. */
  readonly reports?: boolean;
}

/** What the client is made with. */
export interface ClientOptions {
  readonly store: ApiStore;
  /** Makes a request to the store. `known` is what the client knew when it sent it. */
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

const nowhere = { server: new URL('http://memory'), tls: {}, headers: () => Promise.resolve({}) };

/** The client. */
export class MemoryClient extends KubeClient {
  readonly knowledge = new Knowledge();
  readonly #options: ClientOptions;
  readonly #streams = new Set<Stream>();
  /** What the pass decided on, and what has become of its writes. */
  #decided = new Knowledge();
  /** The same for each write that is held back. */
  readonly #forks = new Set<Knowledge>();
  #held: Held[] = [];
  #fate: Fate = {};
  #writes = 0;
  #isStopped = false;

  constructor(options: ClientOptions) {
    super(nowhere);
    this.#options = options;
  }

  /** How many writes were made since the pass began, refused ones too. */
  get writes(): number {
    return this.#writes;
  }

  /** Has it stopped? */
  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** A pass begins. */
  begin(fate: Fate): void {
    this.#fate = fate;
    this.#writes = 0;
    this.#isStopped = fate.writes === 0;
  }

  /** The pass decides on what is known now. What watches tell while its writes are on their way comes too late for it. */
  decide(): void {
    this.#decided = this.knowledge.fork();
  }

  /** The writes that are on their way arrive, and no more are held back. */
  arrive(): void {
    this.#fate = { ...this.#fate, holds: false };
    for (const one of this.#held.splice(0)) one.arrive();
  }

  /** The client waits no longer for the answers to what is on its way. Gives what makes those writes arrive nevertheless. */
  giveUp(): () => void {
    this.#fate = { ...this.#fate, holds: false };
    const held = this.#held.splice(0);
    for (const one of held) one.giveUp();
    return () => {
      for (const one of held) one.arrive();
    };
  }

  /** Delivers what the watches have to tell: of all kinds, or of one. */
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

  /** Resolves when the write arrives. Rejects when its client gives up; then the write arrives without it. */
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
    learn(this.knowledge, request, { status, body });
    // What else an answer tells, also what it tells of the writes of others, came after the decision.
    const { method = 'GET', path } = request;
    const own = method !== 'GET' && path.startsWith(kinds.allocations) ? [this.#decided, ...this.#forks] : [];
    for (const one of own) learn(one, request, { status, body });
    if (status >= 300) throw new ApiError(status, body as ApiStatus);
    return body as T;
  }

  #hear(path: string, { type, object }: WatchEvent): void {
    const { uid, resourceVersion } = (object as ApiObject).metadata;
    if (type === 'DELETED') this.knowledge.miss(path, uid, resourceVersion);
    else if (type !== 'BOOKMARK') this.knowledge.hear(path, object as ApiObject);
  }
}

/** What an answer tells: a list, an entry of the ledger, and what a write has made. A Service that was asked for is only looked at. */
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
