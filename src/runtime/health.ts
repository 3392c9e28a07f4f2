/** HTTP endpoints: `/healthz` (the process works), `/readyz` (it does its job), `/metrics`, and further documents in JSON. */
import { createServer, type ServerResponse } from 'node:http';
import type { Metrics } from './metrics.ts';
import { SharedReading } from './shared-reading.ts';

/** Checks by name. A check returns undefined, or a text about the fault. */
export type Checks = Readonly<Record<string, () => string | undefined>>;

/** Where to listen, and what to serve. */
interface HealthOptions {
  /** `ADDRESS:PORT`; port 0 takes any free port. */
  readonly listen: string;
  /** The checks of `/healthz`. Without checks, a path is not served. */
  readonly live?: Checks;
  readonly ready?: Checks;
  /** The metrics of `/metrics`. */
  readonly metrics?: Pick<Metrics, 'contentType' | 'text'>;
  /** Further documents in JSON, by path. */
  readonly documents?: Readonly<Record<string, () => unknown>>;
  /** Further connections are closed; absent: any number. For a port that strangers reach and no probe depends on. */
  readonly mostConnections?: number;
}

/** A client that does not send its request within this time is disconnected. Milliseconds. */
const requestMs = 10_000;
const timeouts = { headersTimeout: requestMs, requestTimeout: requestMs, connectionsCheckingInterval: requestMs / 2 };

/** All scrapes within this time get one text, so that many readers do not hold up the main thread. Milliseconds. */
const sharedTextMs = 500;

/** Serves the endpoints until the returned function is called. Rejects if it cannot listen on the address. */
export async function serveHealth({
  listen,
  live,
  ready,
  metrics,
  documents = {},
  mostConnections,
}: HealthOptions): Promise<() => void> {
  const text = metrics && new SharedReading(() => metrics.text(), sharedTextMs);
  const server = createServer(timeouts, (request, response) => {
    if (text && request.url === '/metrics') return void answerMetrics(metrics.contentType, text, response);
    const document = documents[request.url ?? ''];
    if (document) return void answerDocument(document, response);
    const checks = request.url === '/readyz' ? ready : request.url === '/healthz' ? live : undefined;
    if (checks === undefined) return void response.writeHead(404).end('not found\n');
    const failed = Object.entries(checks).flatMap(([name, check]) => {
      const fault = check();
      return fault === undefined ? [] : `${name}: ${fault}`;
    });
    response.writeHead(failed.length === 0 ? 200 : 503).end(failed.length === 0 ? 'ok\n' : `${failed.join('\n')}\n`);
  });
  if (mostConnections !== undefined) server.maxConnections = mostConnections;
  const colon = listen.lastIndexOf(':');
  const host = listen.slice(0, colon).replace(/^\[|\]$/g, '');
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) =>
      reject(new Error(`cannot serve health on ${listen}: ${error.message}`, { cause: error })),
    );
    server.listen({ port: Number(listen.slice(colon + 1)), ...(host && { host }) }, resolve);
  });
  return () => server.close();
}

/** Sends a document with its Content-Length: a document about thousands of VIPs is long. */
async function answerDocument(document: () => unknown, response: ServerResponse): Promise<void> {
  try {
    const body = Buffer.from(`${JSON.stringify(await document())}\n`);
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length }).end(body);
  } catch (error) {
    response.writeHead(500).end(`${(error as Error).message}\n`);
  }
}

async function answerMetrics(
  contentType: string,
  text: SharedReading<string>,
  response: ServerResponse,
): Promise<void> {
  try {
    const body = await text.get();
    response.writeHead(200, { 'content-type': contentType }).end(body);
  } catch (error) {
    response.writeHead(500).end(`${(error as Error).message}\n`);
  }
}
