/** The API server in memory, served by HTTP on the loopback. Tests can inject faults, and read all requests that came. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { type Asked, type Effect, Fault, isWanted, type Wanted } from './faults.ts';
import type { WatchEvent } from './history.ts';
import { type ApiAnswer, Refusal, statusBody } from './refusals.ts';
import { ApiStore } from './store.ts';

/** What a SelfSubjectAccessReview asks for (authorization.k8s.io). */
export interface AccessQuestion {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
}

const reviews = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';

/** An open watch. */
interface OpenWatch {
  readonly asked: Asked;
  readonly response: ServerResponse;
  /** Events that are held back; undefined while events are sent at once. */
  waiting: WatchEvent[] | undefined;
  isSilent: boolean;
}

/** An API server in this process. */
export class ApiServer {
  readonly store: ApiStore;
  /** All requests, in order of arrival. */
  readonly asked: Asked[] = [];
  /** The answer to SelfSubjectAccessReviews. No other request depends on it. */
  allows: (question: AccessQuestion) => boolean = () => true;
  readonly #server: Server;
  readonly #scheme: string;
  readonly #sockets = new Set<Socket>();
  /** Connections that are half open: whatever comes by them is lost. */
  readonly #halfOpen = new WeakSet<Socket>();
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

  /** The URL of the server. */
  get url(): URL {
    const { port } = this.#server.address() as AddressInfo;
    return new URL(`${this.#scheme}://127.0.0.1:${port}`);
  }

  /** A kubeconfig for this server. */
  kubeconfig(cluster: object = {}): object {
    const name = 'in-process';
    // The official client accepts plain HTTP only if the kubeconfig disables the verification of TLS.
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

  /** Adds a fault for the next `times` requests that match the filter. If several faults match, the oldest takes the request. */
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

  /** The requests that match a filter. */
  requests(wanted: Wanted = {}): readonly Asked[] {
    return this.asked.filter((asked) => isWanted(asked, wanted));
  }

  /** All requests to write, also refused ones, except those for Leases. */
  get writes(): readonly Asked[] {
    return this.asked.filter(({ method, path }) => method !== 'GET' && !path.includes('/leases'));
  }

  /** Makes the open watches silent: they send nothing more, and stay open for the clients. Returns the number of these watches. */
  silence(path?: string): number {
    const found = this.#openWatches(path);
    for (const watch of found) watch.isSilent = true;
    return found.length;
  }

  /** Holds back the events of the open watches. The returned function, or `heal`, sends them. */
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

  /** Aborts the connections of the open watches. */
  breakWatches(path?: string): void {
    for (const { response } of this.#openWatches(path)) response.destroy();
  }

  /** The number of open watches. */
  watching(path?: string): number {
    return this.#openWatches(path).length;
  }

  /** Makes all connections half open, as if the server behind them had lost its power. New connections lead to another server. */
  cutOff(): void {
    for (const socket of this.#sockets) this.#halfOpen.add(socket);
    this.silence();
  }

  /** Uses new keys for new connections. Open connections end. */
  useKeys(tls: ServerOptions): void {
    (this.#server as unknown as { setSecureContext(options: ServerOptions): void }).setSecureContext(tls);
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Stops the server, with all connections. */
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
    if (this.#halfOpen.has(request.socket)) return;
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
      case 'Undo':
        return answer(response, this.store.request({ path: asked.path.replace(/\/status$/, '') }));
      case 'Stale':
        return answer(response, fault.old(effect.backup).request(asked));
      case 'EndWatch':
        response.writeHead(200, { 'content-type': 'application/json' }).end();
    }
  }

  #carryOut(asked: Asked, response: ServerResponse): number {
    if (asked.watches) return this.#watch(asked, response);
    const answered = this.#answerTo(asked);
    answer(response, answered);
    return answered.status;
  }

  #answerTo(asked: Asked): ApiAnswer {
    if (asked.path === reviews) {
      const { spec } = asked.body as { readonly spec: { readonly resourceAttributes: AccessQuestion } };
      return { status: 201, body: { status: { allowed: this.allows(spec.resourceAttributes) } } };
    }
    return asked.query.dryRun === 'All' ? this.store.tried(asked) : this.store.request(asked);
  }

  #watch(asked: Asked, response: ServerResponse): number {
    const watch: OpenWatch = { asked, response, waiting: undefined, isSilent: false };
    response.writeHead(200, { 'content-type': 'application/json' });
    // A watch may have no event for a long time, but the client must see at once that it is open.
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
