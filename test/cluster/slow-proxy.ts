/** A proxy to the API server that holds single requests up, as a slow network does, or a process that sleeps. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { Connection, Credentials } from '../../src/kube/connection.ts';

/** A request that is held up. */
export interface Held {
  /** Resolves when the request has arrived. */
  readonly came: Promise<void>;
  /** Forwards the request to the API server, even if its sender is gone by now. Returns the HTTP status of the answer. */
  release(): Promise<number>;
}

interface Hold {
  readonly wanted: (request: IncomingMessage) => boolean;
  readonly came: PromiseWithResolvers<void>;
  readonly released: PromiseWithResolvers<void>;
  readonly answered: PromiseWithResolvers<number>;
}

/** An HTTP server that forwards every request to the API server, with the rights of the connection. */
export class SlowProxy {
  readonly #connection: Connection;
  readonly #agent: Agent;
  readonly #server: Server;
  #holds: readonly Hold[] = [];
  readonly #answers = new Set<IncomingMessage>();

  private constructor(connection: Connection, { tls }: Credentials) {
    this.#connection = connection;
    this.#agent = new Agent({ keepAlive: true, ...tls });
    this.#server = createServer((request, response) => {
      this.#handOn(request, response).catch(() => response.destroy());
    });
  }

  /** Listens on the loopback interface. */
  static async open(connection: Connection): Promise<SlowProxy> {
    const proxy = new SlowProxy(connection, await connection.credentials());
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  /** The kubeconfig of a client that uses this proxy. */
  get kubeconfig(): object {
    const { port } = this.#server.address() as AddressInfo;
    const name = 'slow';
    return {
      apiVersion: 'v1',
      kind: 'Config',
      // The official client accepts plain HTTP only if the kubeconfig turns the verification of TLS off.
      clusters: [{ name, cluster: { server: `http://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true } }],
      users: [{ name, user: {} }],
      contexts: [{ name, context: { cluster: name, user: name } }],
      'current-context': name,
    };
  }

  /** Holds up the next request with this method and path. */
  hold(method: string, path: string): Held {
    const hold: Hold = {
      wanted: (request) => request.method === method && request.url?.split('?')[0] === path,
      came: Promise.withResolvers(),
      released: Promise.withResolvers(),
      answered: Promise.withResolvers(),
    };
    this.#holds = [...this.#holds, hold];
    const release = () => {
      hold.released.resolve();
      return hold.answered.promise;
    };
    return { came: hold.came.promise, release };
  }

  /** From now on drops the rest of the answers that are under way, without an end of their connections: these are half open. */
  silence(): void {
    for (const answer of this.#answers) answer.unpipe();
  }

  /** Ends all connections. */
  close(): void {
    for (const { released } of this.#holds) released.resolve();
    this.#server.close();
    this.#server.closeAllConnections();
    this.#agent.destroy();
  }

  async #handOn(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await buffer(request);
    const hold = this.#holds.find(({ wanted }) => wanted(request));
    if (hold) {
      this.#holds = this.#holds.filter((other) => other !== hold);
      hold.came.resolve();
      await hold.released.promise;
    }
    const { method, headers } = request;
    const { host: _, ...others } = headers;
    const options = { method, headers: others, agent: this.#agent };
    const onward = httpsRequest(new URL(request.url ?? '/', this.#connection.server), options, (answer) => {
      hold?.answered.resolve(answer.statusCode ?? 0);
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      // A watch may have no event for a long time.
      response.flushHeaders();
      answer.pipe(response);
      this.#answers.add(answer);
      answer.once('close', () => this.#answers.delete(answer));
    });
    onward.on('error', (error) => {
      hold?.answered.reject(error);
      response.destroy();
    });
    // A client that ends a watch also ends it here. A request that was held up is forwarded without its sender.
    if (!hold) response.once('close', () => onward.destroy());
    onward.end(body);
  }
}
