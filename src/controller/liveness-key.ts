/**
 * Makes the key by which speakers trust each other's datagrams, once. No template of the chart does: it would make another one at each
 * upgrade, and half of the nodes would reject the other half for minutes.
 */
import { hasStatus } from '../kube/client.ts';
import { secretsPath } from '../kube/resources.ts';
import type { Writer } from './writer.ts';

/** What is needed to make it. */
type KeyMaker = Pick<Writer, 'client' | 'log' | 'signal'> & { readonly namespace: string; readonly secret: string };

/** Creates the Secret if there is none. The key is not read, here or anywhere in the controller, and never logged. */
export async function ensureLivenessKey({ client, log, signal, namespace, secret }: KeyMaker): Promise<void> {
  const key = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('base64');
  const body = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: secret, namespace },
    type: 'Opaque',
    stringData: { keys: `${key}\n` },
  };
  try {
    await client.json({ method: 'POST', path: secretsPath(namespace), body, signal });
    log.info({ secret }, 'liveness key made');
  } catch (error) {
    if (!hasStatus(error, 409)) throw error;
  }
}
