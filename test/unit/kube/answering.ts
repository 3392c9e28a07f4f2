/** A client of a server in this process. The test gives the server's answers. */
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import { KubeClient } from '../../../src/kube/client.ts';

/** Starts the server, which runs until the test ends. */
export async function clientOf(t: TestContext, answer: RequestListener): Promise<KubeClient> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const client = new KubeClient({
    server: new URL(`http://127.0.0.1:${port}`),
    credentials: async () => ({ tls: {}, headers: {} }),
  });
  t.after(() => {
    client.close();
    server.closeAllConnections();
    server.close();
  });
  return client;
}

/** The parsed JSON body of a request. */
export async function bodyOf(request: IncomingMessage): Promise<unknown> {
  return JSON.parse(await text(request));
}
