/** Sends requests to the lab's API server through the relay's socket, with the administrator's certificate. */
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { checkServerIdentity } from 'node:tls';

/** A request. */
export interface Call {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly contentType?: string;
}

/** How to reach the API server, and how to verify its certificate. */
export interface ApiServer {
  /** The relay's socket. */
  readonly socketPath: string;
  /** The folder with the certificates of the certificate authority and of the administrator. */
  readonly pki: string;
  /** An address that the server's certificate names. */
  readonly address: string;
}

/** An answer that is not a success, with the API server's message. */
export class ApiError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** An answer of any kind. */
export interface Answer {
  /** The HTTP status code. */
  readonly status: number;
  readonly body: string;
}

const timeoutMs = 30_000;

/** Connections to an API server. An idle connection does not keep the process alive. */
export class ApiConnection {
  readonly #socketPath: string;
  readonly #agent: Agent;

  constructor({ socketPath, pki, address }: ApiServer) {
    const file = (name: string) => readFileSync(join(pki, name));
    this.#socketPath = socketPath;
    this.#agent = new Agent({
      ...{ keepAlive: true, ca: file('ca.crt'), cert: file('admin.crt'), key: file('admin.key') },
      checkServerIdentity: (_, certificate) => checkServerIdentity(address, certificate),
    });
  }

  /** The object in an answer. Throws an {@link ApiError} if the answer is not a success. */
  async json<T>(call: Call): Promise<T> {
    return JSON.parse(await this.text(call)) as T;
  }

  /** The text of an answer. Throws an {@link ApiError} if the answer is not a success. */
  async text(call: Call): Promise<string> {
    const { status, body } = await this.answer(call);
    if (status >= 200 && status < 300) return body;
    throw new ApiError(status, messageIn(body) ?? `${call.method ?? 'GET'} ${call.path}: HTTP ${status}: ${body}`);
  }

  /** The answer, also if it is not a success. */
  answer(call: Call): Promise<Answer> {
    const { method = 'GET', path, query = {}, body, contentType = 'application/json' } = call;
    const parameters = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined);
    const search = new URLSearchParams(parameters).toString();
    const content = body === undefined ? '' : JSON.stringify(body);
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const sent = request({
      ...{ socketPath: this.#socketPath, agent: this.#agent, timeout: timeoutMs },
      ...{ method, path: search === '' ? path : `${path}?${search}` },
      headers: content === '' ? {} : { 'content-type': contentType, 'content-length': Buffer.byteLength(content) },
    });
    sent.on('response', (answer) => {
      text(answer).then((all) => resolve({ status: answer.statusCode ?? 0, body: all }), reject);
    });
    sent.on('timeout', () => sent.destroy(new Error(`${method} ${path}: no answer within ${timeoutMs} ms`)));
    sent.on('error', (error: NodeJS.ErrnoException) => {
      // The server may close an idle connection just when it is used again. Then it has not read the request.
      if (sent.reusedSocket && error.code === 'ECONNRESET') resolve(this.answer(call));
      else reject(new Error(`${method} ${path}: ${error.message}`, { cause: error }));
    });
    sent.end(content);
    return promise;
  }
}

/** The message of a Status object. The API server answers with a Status if it has no other object to return. */
function messageIn(body: string): string | undefined {
  try {
    return (JSON.parse(body) as { readonly message?: string }).message;
  } catch {
    return undefined;
  }
}
