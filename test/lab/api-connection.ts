/** Requests to the lab's API server over the relay's socket, with the administrator's certificate. */
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { checkServerIdentity } from 'node:tls';

/** What a request is made of. */
export interface Call {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly contentType?: string;
}

/** Where the API server is, and how it is known. */
export interface ApiServer {
  /** The relay's socket. */
  readonly socketPath: string;
  /** Folder with the certificates of the authority and of the administrator. */
  readonly pki: string;
  /** An address that the server's certificate names. */
  readonly address: string;
}

/** An answer that is no success, with what the API server says. */
export class ApiError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** An answer of any kind. */
export interface Answer {
  /** Of HTTP. */
  readonly status: number;
  readonly body: string;
}

const timeoutMs = 30_000;

/** Connections to an API server; an idle one keeps no process alive. */
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

  /** The object in an answer; throws an {@link ApiError} where that is no success. */
  async json<T>(call: Call): Promise<T> {
    return JSON.parse(await this.text(call)) as T;
  }

  /** The text of an answer; throws an {@link ApiError} where that is no success. */
  async text(call: Call): Promise<string> {
    const { status, body } = await this.answer(call);
    if (status >= 200 && status < 300) return body;
    throw new ApiError(status, messageIn(body) ?? `${call.method ?? 'GET'} ${call.path}: HTTP ${status}: ${body}`);
  }

  /** What comes back, a success or not. */
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
      // The server may close a connection in the moment in which it is used again: it has not read the request then.
      if (sent.reusedSocket && error.code === 'ECONNRESET') resolve(this.answer(call));
      else reject(new Error(`${method} ${path}: ${error.message}`, { cause: error }));
    });
    sent.end(content);
    return promise;
  }
}

/** The message of a Status, which is what the API server answers where it has nothing else. */
function messageIn(body: string): string | undefined {
  try {
    return (JSON.parse(body) as { readonly message?: string }).message;
  } catch {
    return undefined;
  }
}
