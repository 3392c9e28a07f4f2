/**
 * Creates the key that signs the speakers' datagrams, once. A template of the chart cannot do it: it would create another key at each
 * upgrade, and half of the nodes would reject the datagrams of the other half for minutes.
 */
import { hasStatus } from '../kube/client.ts';
import { secretsPath } from '../kube/resources.ts';
import type { Writer } from './writer.ts';

/** What creating the key needs. */
type KeyMaker = Pick<Writer, 'client' | 'log' | 'signal'> & { readonly namespace: string; readonly secret: string };

/** Creates the Secret if it does not exist. The controller never reads the key from the Secret and never logs it. */
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
    log.info({ secret }, 'liveness key created');
  } catch (error) {
    if (!hasStatus(error, 409)) throw error;
  }
}
