/** Requests to the API server over HTTPS with kept-alive connections. */
import { type ClientRequest, Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { isDeepStrictEqual } from 'node:util';
import { CallMetrics } from './call-metrics.ts';
import type { Connection, Credentials } from './connection.ts';

/** One request. `path` begins with `/api`. */
export interface ApiRequest {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly signal?: AbortSignal;
}

/** The fields of a `meta/v1` Status that a refusal has. */
export interface ApiStatus {
  readonly reason?: string;
  readonly message?: string;
  readonly details?: { readonly causes?: readonly { readonly reason?: string }[] };
}

/** A refusal of the API server. `status` is the HTTP status, `reason` the machine-readable reason (`Conflict`, `NotFound`). */
export class ApiError extends Error {
  readonly status: number;
  readonly reason: string;
  /** The causes in detail, one word each (`FieldManagerConflict`). */
  readonly causes: readonly string[];

  constructor(status: number, { reason = 'Unknown', message = '', details }: ApiStatus) {
    super(message);
    this.status = status;
    this.reason = reason;
    this.causes = (details?.causes ?? []).map((cause) => cause.reason ?? '');
  }
}

/** Was the request refused with this HTTP status? */
export function hasStatus(error: unknown, status: number): boolean {
  return error instanceof ApiError && error.status === status;
}

/** Was a write refused because the object has changed since it was read? */
export function isStale(error: unknown): boolean {
  return hasStatus(error, 409) && !(error as ApiError).causes.includes('FieldManagerConflict');
}

const requestTimeoutMs = 30_000;
/** The kernel repeats a lost SYN after 1 s and 3 s. After that, a new attempt is faster than the next repetition. */
const connectTimeoutMs = 5_000;

/** The requests of a {@link KubeClient} that are not streams. */
export type Requests = Pick<KubeClient, 'json' | 'apply'>;

/**
 * A client for one API server. It keeps the process alive until it is closed. It sends all requests at once, because a few that hang must
 * not delay others, such as those for the Lease: a caller with many requests limits them.
 */
export class KubeClient {
  readonly calls = new CallMetrics();
  readonly #connection: Connection;
  #connections: Connections | undefined;
  /** The connections of former credentials: requests that are under way go on with them. */
  #former: Connections | undefined;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** The JSON of the answer. Throws an ApiError for a refusal, an Error with a `code` if the server cannot be reached within 30 s. */
  async json<T>(request: ApiRequest): Promise<T> {
    const timeout = AbortSignal.timeout(requestTimeoutMs);
    const signal = request.signal ? AbortSignal.any([request.signal, timeout]) : timeout;
    try {
      return JSON.parse(await text(await this.#send({ ...request, signal }))) as T;
    } catch (error) {
      // The server may be gone without a word. Idle connections lead to the same server, and would cost further requests their time.
      if (isTimeout(signal)) this.#connections?.dropIdle();
      throw error;
    }
  }

  /**
   * Server-side apply of an object, or of its status. `force` takes fields from other owners; without it, the API server refuses this
   * (409).
   */
  apply<T>({
    manager,
    force = false,
    ...request
  }: Pick<ApiRequest, 'path' | 'body' | 'signal'> & {
    readonly manager: string;
    readonly force?: boolean;
  }): Promise<T> {
    const query = { fieldManager: manager, ...(force && { force: 'true' }) };
    return this.json({ ...request, method: 'PATCH', query, contentType: 'application/apply-patch+yaml' });
  }

  /** The JSON objects of a streamed answer, one per line, until the server ends it or the signal aborts. It must begin within 30 s. */
  async *lines<T>(request: ApiRequest): AsyncGenerator<T> {
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(new Error('no answer')), requestTimeoutMs);
    const signal = request.signal ? AbortSignal.any([request.signal, late.signal]) : late.signal;
    const response = await this.#send({ ...request, signal }).finally(() => clearTimeout(timer));
    response.setEncoding('utf8');
    let rest = '';
    for await (const chunk of response as AsyncIterable<string>) {
      const parts = (rest + chunk).split('\n');
      rest = parts.pop() ?? '';
      for (const line of parts) yield JSON.parse(line) as T;
    }
  }

  /** Closes all connections, idle or in use. */
  close(): void {
    for (const connections of [this.#former, this.#connections]) connections?.close();
  }

  /** The connections for these credentials. */
  #connectionsFor(tls: Credentials['tls']): Connections {
    if (this.#connections === undefined || !isDeepStrictEqual(this.#connections.tls, tls)) {
      this.#former?.close();
      this.#former = this.#connections;
      this.#connections = new Connections(this.#connection, tls);
    }
    return this.#connections;
  }

  async #send(request: ApiRequest): Promise<IncomingMessage> {
    const { method = 'GET', path, query = {}, body, contentType = 'application/json', signal } = request;
    const url = new URL(this.#connection.server);
    url.pathname = url.pathname.replace(/\/$/, '') + path;
    url.search = new URLSearchParams(query).toString();
    const payload = body === undefined ? undefined : JSON.stringify(body);
    const credentials = await this.#connection.credentials();
    const { agent } = this.#connectionsFor(credentials.tls);
    const headers = {
      ...credentials.headers,
      accept: 'application/json',
      'user-agent': 'berth',
      ...(payload && { 'content-type': contentType, 'content-length': Buffer.byteLength(payload) }),
    };
    const open = url.protocol === 'http:' ? httpRequest : httpsRequest;
    const startedAt = performance.now();
    const note = (code: string) => {
      const seconds = (performance.now() - startedAt) / 1000;
      this.calls.note({ method, path, watches: query.watch === 'true', code, seconds });
    };
    const sent = new Promise<IncomingMessage>((resolve, reject) => {
      const outgoing = open(url, { method, headers, agent, ...(signal && { signal }) }, resolve);
      outgoing.on('error', reject);
      outgoing.once('socket', (socket) => limitConnecting(socket, outgoing));
      outgoing.end(payload);
    });
    const response = await unlessAborted(sent, signal).catch((error: NodeJS.ErrnoException) => {
      note(signal?.aborted ? 'Aborted' : (error.code ?? 'Failed'));
      if (isUntrusted(error)) this.#connection.renew?.();
      throw error;
    });
    note(`${response.statusCode}`);
    if ((response.statusCode ?? 500) < 300) return response;
    if (response.statusCode === 401) this.#connection.renew?.();
    throw refusal(response.statusCode ?? 500, await text(response));
  }
}

/** The connections with one kind of credentials. */
class Connections {
  readonly tls: Credentials['tls'];
  readonly agent: Agent | HttpAgent;

  constructor({ server, proxies }: Connection, tls: Credentials['tls']) {
    this.tls = tls;
    const common = { keepAlive: true, ...(proxies && { proxyEnv: proxies }) };
    this.agent = server.protocol === 'http:' ? new HttpAgent(common) : new Agent({ ...common, ...tls });
  }

  /** Closes the connections that no request uses now. */
  dropIdle(): void {
    for (const sockets of Object.values(this.agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
  }

  close(): void {
    this.agent.destroy();
  }
}

function isTimeout({ aborted, reason }: AbortSignal): boolean {
  return aborted && (reason as Error | undefined)?.name === 'TimeoutError';
}

/** The answer, or a rejection as soon as the signal aborts: Node.js itself rejects only a request that has a socket already. */
async function unlessAborted<T>(answer: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined || signal.aborted) return answer;
  const over = new AbortController();
  const aborted = new Promise<never>((_, reject) => {
    const fail = () => reject(signal.reason);
    signal.addEventListener('abort', fail, { once: true, signal: over.signal });
  });
  try {
    return await Promise.race([answer, aborted]);
  } finally {
    over.abort();
  }
}

/** Did one side not trust the certificate of the other one? The codes are those of OpenSSL and of Node.js's `tls`. */
function isUntrusted({ code = '' }: NodeJS.ErrnoException): boolean {
  return /CERT|_SSL_|_TLS_|SELF_SIGNED|UNABLE_TO/.test(code);
}

/** Aborts a request whose new connection is not established in time. A watch has no other limit while it waits for an answer. */
function limitConnecting(socket: Socket, request: ClientRequest): void {
  if (!socket.connecting) return;
  const late = () => request.destroy(new Error(`no connection within ${connectTimeoutMs / 1000} s`));
  const timer = setTimeout(late, connectTimeoutMs);
  const stop = () => clearTimeout(timer);
  socket.once(socket instanceof TLSSocket ? 'secureConnect' : 'connect', stop).once('close', stop);
}

async function text(response: IncomingMessage): Promise<string> {
  response.setEncoding('utf8');
  let all = '';
  for await (const chunk of response as AsyncIterable<string>) all += chunk;
  return all;
}

/** The refusal in an answer. A proxy in between may answer with any text. */
function refusal(status: number, body: string): ApiError {
  try {
    return new ApiError(status, { message: body, ...(JSON.parse(body) as ApiStatus) });
  } catch {
    return new ApiError(status, { message: `HTTP ${status}: ${body.slice(0, 200)}` });
  }
}
