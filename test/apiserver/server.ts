/** The API server in memory behind HTTP on the loopback: with faults that a test orders, and an account of all that was asked. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { type Asked, type Effect, Fault, isWanted, type Wanted } from './faults.ts';
import type { WatchEvent } from './history.ts';
import { type ApiAnswer, Refusal, statusBody } from './refusals.ts';
import { ApiStore } from './store.ts';

/** A watch that is open. */
interface OpenWatch {
  readonly asked: Asked;
  readonly response: ServerResponse;
  /** Events that wait; undefined while they go out at once. */
  waiting: WatchEvent[] | undefined;
  isSilent: boolean;
}

/** An API server in this process. */
export class ApiServer {
  readonly store: ApiStore;
  /** All requests, in the order in which they came. */
  readonly asked: Asked[] = [];
  readonly #server: Server;
  readonly #scheme: string;
  readonly #sockets = new Set<Socket>();
  readonly #watches = new Set<OpenWatch>();
  #faults: readonly Fault[] = [];

  private constructor(store: ApiStore, tls: ServerOptions | undefined) {
    this.store = store;
    const take = (request: IncomingMessage, response: ServerResponse) => {
      this.#take(request, response).catch((error: unknown) => response.destroy(error as Error));
    };
    this.#scheme = tls ? 'https' : 'http';
    this.#server = tls ? createTlsServer(tls, take) : createServer(take);
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
  }

  /** Listens on a free port of the loopback. */
  static async open(store = new ApiStore(), tls?: ServerOptions): Promise<ApiServer> {
    const server = new ApiServer(store, tls);
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve));
    return server;
  }

  /** Where it listens. */
  get url(): URL {
    const { port } = this.#server.address() as AddressInfo;
    return new URL(`${this.#scheme}://127.0.0.1:${port}`);
  }

  /** A kubeconfig that leads here. */
  kubeconfig(cluster: object = {}): object {
    const name = 'in-process';
    // The official client takes plain HTTP only from those who say that they want no TLS.
    const trust = this.#scheme === 'http' ? { 'insecure-skip-tls-verify': true } : {};
    return {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name, cluster: { server: this.url.origin, ...trust, ...cluster } }],
      users: [{ name, user: {} }],
      contexts: [{ name, context: { cluster: name, user: name } }],
      'current-context': name,
    };
  }

  /** From now on some requests meet a fault, the first `times` of them. Of several faults the oldest takes a request. */
  fault(wanted: Wanted, effect: Effect, times = Number.POSITIVE_INFINITY): Fault {
    const fault = new Fault(wanted, effect, times);
    this.#faults = [...this.#faults, fault];
    return fault;
  }

  /** Ends all faults. */
  heal(): void {
    for (const fault of this.#faults) void fault.heal();
    this.#faults = [];
    for (const watch of this.#watches) this.#flush(watch);
  }

  /** The requests of a kind. */
  requests(wanted: Wanted = {}): readonly Asked[] {
    return this.asked.filter((asked) => isWanted(asked, wanted));
  }

  /** Requests that change something, whatever became of them; renewals of a Lease are not among them. */
  get writes(): readonly Asked[] {
    return this.asked.filter(({ method, path }) => method !== 'GET' && !path.includes('/leases'));
  }

  /** Loses the open watches: nothing more comes, and the clients are not told. Gives how many there were. */
  silence(path?: string): number {
    const found = this.#openWatches(path);
    for (const watch of found) watch.isSilent = true;
    return found.length;
  }

  /** Keeps the events of the open watches back until they are let go, or `heal`. */
  holdEvents(path?: string): () => void {
    const found = this.#openWatches(path);
    for (const watch of found) watch.waiting ??= [];
    return () => {
      for (const watch of found) this.#flush(watch);
    };
  }

  /** Ends the open watches without an error. */
  endWatches(path?: string): void {
    for (const { response } of this.#openWatches(path)) response.end();
  }

  /** Breaks the connections of the open watches. */
  breakWatches(path?: string): void {
    for (const { response } of this.#openWatches(path)) response.destroy();
  }

  /** How many watches are open. */
  watching(path?: string): number {
    return this.#openWatches(path).length;
  }

  /** Takes new keys for connections to come; those that are open end. */
  useKeys(tls: ServerOptions): void {
    (this.#server as unknown as { setSecureContext(options: ServerOptions): void }).setSecureContext(tls);
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Ends everything. */
  close(): void {
    this.heal();
    this.store.restart();
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #openWatches(path?: string): readonly OpenWatch[] {
    return [...this.#watches].filter(({ asked }) => path === undefined || asked.path === path);
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const at = performance.now();
    const url = new URL(request.url ?? '/', this.url);
    const body = await text(request);
    const { 'content-type': contentType, 'user-agent': userAgent } = request.headers;
    const query = Object.fromEntries(url.searchParams);
    const { method = 'GET' } = request;
    const asked: Asked = {
      ...{ method, path: decodeURIComponent(url.pathname), query, at },
      watches: method === 'GET' && query.watch === 'true',
      ...(body !== '' && { body: JSON.parse(body) }),
      ...(contentType && { contentType }),
      ...(userAgent && { userAgent }),
    };
    this.asked.push(asked);
    const fault = this.#faults.find((one) => one.takes(asked));
    if (fault === undefined) this.#carryOut(asked, response);
    else await this.#fail(asked, response, fault);
  }

  async #fail(asked: Asked, response: ServerResponse, fault: Fault): Promise<void> {
    const { effect } = fault;
    switch (effect.kind) {
      case 'Refuse': {
        const { status, reason = 'Fault', retryAfter } = effect;
        if (retryAfter !== undefined) response.setHeader('retry-after', retryAfter);
        return answer(response, { status, body: statusBody(status, reason, { message: 'a fault of the test' }) });
      }
      case 'Delay':
        await delay(effect.ms, undefined, { ref: false });
        this.#carryOut(asked, response);
        return;
      case 'Hold':
        await fault.released;
        fault.note(this.#carryOut(asked, response));
        return;
      case 'Hang':
        return;
      case 'Drop':
        response.destroy();
        return;
      case 'LoseAnswer':
        this.store.request(asked);
        response.destroy();
        return;
      case 'HoldAnswer': {
        const held = this.store.request(asked);
        await fault.released;
        fault.note(held.status);
        return answer(response, held);
      }
      case 'Stale':
        return answer(response, fault.old(effect.backup).request(asked));
      case 'EndWatch':
        response.writeHead(200, { 'content-type': 'application/json' }).end();
    }
  }

  #carryOut(asked: Asked, response: ServerResponse): number {
    if (asked.watches) return this.#watch(asked, response);
    const answered = this.store.request(asked);
    answer(response, answered);
    return answered.status;
  }

  #watch(asked: Asked, response: ServerResponse): number {
    const watch: OpenWatch = { asked, response, waiting: undefined, isSilent: false };
    response.writeHead(200, { 'content-type': 'application/json' });
    // A watch may have nothing to say for a long time.
    response.flushHeaders();
    try {
      const stop = this.store.watch(asked.path, asked.query, {
        event: (event) => {
          if (watch.isSilent || response.writableEnded) return;
          if (watch.waiting) watch.waiting.push(event);
          else response.write(`${JSON.stringify(event)}\n`);
        },
        ended: () => {
          if (!watch.isSilent) response.end();
        },
      });
      this.#watches.add(watch);
      response.once('close', () => {
        stop();
        this.#watches.delete(watch);
      });
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      response.end(`${JSON.stringify({ type: 'ERROR', object: error.answer.body })}\n`);
    }
    return 200;
  }

  #flush(watch: OpenWatch): void {
    const events = watch.waiting ?? [];
    watch.waiting = undefined;
    for (const event of events) watch.response.write(`${JSON.stringify(event)}\n`);
  }
}

function answer(response: ServerResponse, { status, body }: ApiAnswer): void {
  if (response.destroyed) return;
  const payload = JSON.stringify(body);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) });
  response.end(payload);
}
