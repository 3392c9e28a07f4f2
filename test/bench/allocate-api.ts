/**
 * A minimal API client with what the allocation bench needs. It uses as little CPU as possible, because it shares the machine with the
 * programs that it measures. The controller's own client has 32 connections and parses every response.
 * The controller's own client has 32 connections and parses every answer.
 */
import type { ClientRequest, IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { connect } from '../../src/kube/connection.ts';

/** The number of requests under way at the same time. */
export const atOnce = 50;

/** One request. */
export interface Call {
  readonly method?: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
  readonly contentType?: string;
}

const requestTimeoutMs = 30_000;
/** Longer than any bench takes. */
const watchSeconds = 7_200;

/** Sends requests to one API server over kept connections. */
export class Api {
  readonly #server: URL;
  readonly #tls: object;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #agent: Agent;

  private constructor(server: URL, tls: object, headers: Readonly<Record<string, string>>) {
    this.#server = server;
    this.#tls = tls;
    this.#headers = headers;
    this.#agent = new Agent({ keepAlive: true, maxSockets: atOnce, maxFreeSockets: atOnce, ...tls });
  }

  /** Connects to the API server of a kubeconfig. Its token, if any, must stay valid for the whole bench. */
  static async open(kubeconfig: string): Promise<Api> {
    const { server, credentials } = await connect(kubeconfig);
    const { tls, headers } = await credentials();
    return new Api(server, tls, headers);
  }

  /** Returns the text of the response. Throws if the API server refuses the request, or does not answer for 30 s. */
  call({ method = 'GET', path, body, contentType = 'application/json' }: Call): Promise<string> {
    const payload = body === undefined ? undefined : JSON.stringify(body);
    const content = payload && { 'content-type': contentType, 'content-length': Buffer.byteLength(payload) };
    const headers = { ...this.#headers, ...content };
    const what = `${method} ${path}`;
    return new Promise((resolve, reject) => {
      const options = { method, agent: this.#agent, timeout: requestTimeoutMs, headers };
      const outgoing = request(new URL(path, this.#server), options, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (piece: string) => {
          text += piece;
        });
        response.on('error', reject).on('end', () => {
          if ((response.statusCode ?? 500) < 300) resolve(text);
          else reject(new Error(`${what}: HTTP ${response.statusCode}: ${text.slice(0, 500)}`));
        });
      });
      outgoing.on('timeout', () => outgoing.destroy(new Error(`${what}: no answer for ${requestTimeoutMs / 1000} s`)));
      outgoing.on('error', reject).end(payload);
    });
  }

  /** Opens all connections, so that no measured request waits for a TLS handshake. */
  async warm(): Promise<void> {
    await Promise.all(Array.from({ length: atOnce }, () => this.call({ path: '/version' })));
  }

  /** Passes on each line about changes of a collection from now on, with its time of arrival. It has a connection of its own. */
  async watch(path: string, take: (line: string, at: number) => void): Promise<Watch> {
    const list = JSON.parse(await this.call({ path: `${path}?limit=1` })) as { metadata: { resourceVersion: string } };
    const watch = new Watch(path, take);
    const open = (version: string) => {
      const query = `watch=true&resourceVersion=${version}&timeoutSeconds=${watchSeconds}`;
      const options = { headers: this.#headers, ...this.#tls };
      const outgoing = request(new URL(`${path}?${query}`, this.#server), options, (response) =>
        watch.read(response, open),
      );
      watch.opened(outgoing);
    };
    open(list.metadata.resourceVersion);
    return watch;
  }

  /** Closes all connections, so that the process can end. */
  close(): void {
    this.#agent.destroy();
  }
}

/** A watch. It resumes when the API server ends it, as the API server does when itself or the reader is slow. */
export class Watch {
  /** How often the watch was resumed. */
  resumed = 0;
  /** The first failure, if there was one. */
  failure: Error | undefined;
  readonly #path: string;
  readonly #take: (line: string, at: number) => void;
  #request: ClientRequest | undefined;

  constructor(path: string, take: (line: string, at: number) => void) {
    this.#path = path;
    this.#take = take;
  }

  /** Registers a new request of this watch. */
  opened(outgoing: ClientRequest): void {
    this.#request = outgoing;
    outgoing.on('error', this.#fail).end();
  }

  /** Reads one response, and calls `resume` when it ends. */
  read(response: IncomingMessage, resume: (version: string) => void): void {
    if (response.statusCode !== 200) this.#fail(`HTTP ${response.statusCode}`);
    let rest = '';
    let last = '';
    // Names and addresses are ASCII, and latin1 is the cheapest way from bytes to text.
    response.setEncoding('latin1').on('data', (piece: string) => {
      const at = performance.now();
      const lines = (rest + piece).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        if (line.startsWith('{"type":"ERROR"')) this.#fail(line);
        else this.#take(line, at);
      }
      last = lines.at(-1) ?? last;
    });
    response.on('error', this.#fail).on('end', () => {
      const version = /"resourceVersion":"(\d+)"/.exec(last)?.[1];
      if (version === undefined) return this.#fail('it ended before the first event');
      this.resumed += 1;
      resume(version);
    });
  }

  /** Ends the watch. */
  end(): void {
    this.#request?.destroy();
  }

  #fail = (error: unknown): void => {
    this.failure ??= new Error(`watch of ${this.#path}: ${error instanceof Error ? error.message : error}`);
  };
}

/** Runs `effect` for 0 to `count - 1`, at most {@link atOnce} at the same time. The first failure stops it. */
export async function inFlight(count: number, effect: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < count) {
      await effect(next++).catch((error) => {
        next = count;
        throw error;
      });
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, worker));
}
