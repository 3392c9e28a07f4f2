/**
 * A minimal API client: what the allocation bench needs, and as little CPU as it can, for it shares the machine with what it measures.
 * The controller's own client has 32 connections and parses every answer.
 */
import { Agent, request } from 'node:https';
import { connect } from '../../src/kube/connection.ts';

/** So many requests are under way at once. */
export const atOnce = 50;

/** One request. */
export interface Call {
  readonly method?: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
  readonly contentType?: string;
}

/** An endless answer. */
export interface Following {
  /** What went wrong, if anything did. */
  failed(): Error | undefined;
  end(): void;
}

const requestTimeoutMs = 30_000;

/** Requests to one API server over kept connections. */
export class Api {
  readonly #server: URL;
  readonly #tls: object;
  readonly #agent: Agent;

  private constructor(server: URL, tls: object) {
    this.#server = server;
    this.#tls = tls;
    this.#agent = new Agent({ keepAlive: true, maxSockets: atOnce, maxFreeSockets: atOnce, ...tls });
  }

  /** The API server of a kubeconfig that logs in by a certificate. */
  static async open(kubeconfig: string): Promise<Api> {
    const { server, tls } = await connect(kubeconfig);
    return new Api(server, tls);
  }

  /** The answer's text. Throws for a refusal, and when there is no answer for 30 s. */
  call({ method = 'GET', path, body, contentType = 'application/json' }: Call): Promise<string> {
    const payload = body === undefined ? undefined : JSON.stringify(body);
    const headers = payload && { 'content-type': contentType, 'content-length': Buffer.byteLength(payload) };
    const what = `${method} ${path}`;
    return new Promise((resolve, reject) => {
      const options = { method, agent: this.#agent, timeout: requestTimeoutMs, ...(headers && { headers }) };
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

  /** Hands over each line of an endless answer, with the time at which it came. It has a connection of its own. */
  follow(path: string, take: (line: string, at: number) => void): Following {
    let rest = '';
    let failure: Error | undefined;
    const fail = (error: unknown) => {
      failure ??= new Error(`watch of ${path}: ${error instanceof Error ? error.message : error}`);
    };
    const outgoing = request(new URL(path, this.#server), this.#tls, (response) => {
      if (response.statusCode !== 200) fail(`HTTP ${response.statusCode}`);
      // Names and addresses are ASCII; this is the cheapest way from bytes to text.
      response.setEncoding('latin1').on('data', (piece: string) => {
        const at = performance.now();
        const lines = (rest + piece).split('\n');
        rest = lines.pop() ?? '';
        try {
          for (const line of lines) take(line, at);
        } catch (error) {
          fail(error);
        }
      });
      response.on('error', fail).on('end', () => fail('it ended'));
    });
    outgoing.on('error', fail).end();
    return { failed: () => failure, end: () => outgoing.destroy() };
  }

  /** Lets the process end. */
  close(): void {
    this.#agent.destroy();
  }
}

/** Runs `effect` for 0 to `count - 1`, {@link atOnce} at a time. The first failure stops it. */
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
