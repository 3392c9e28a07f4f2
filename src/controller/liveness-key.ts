/**
 * Creates the key that signs the speakers' datagrams. A template of the chart cannot do it: it would create another key at each upgrade.
 */
import { hasStatus } from '../kube/client.ts';
import { secretsPath } from '../kube/resources.ts';
import { wait } from '../runtime/wait.ts';
import type { Writer } from './writer.ts';

/** What creating the key needs. */
type KeyMaker = Pick<Writer, 'client' | 'log' | 'signal'> & { readonly namespace: string; readonly secret: string };

/**
 * How often the Secret is created if it is not there: it may have been deleted, or be missing in a backup that was restored. Only a speaker
 * that starts needs it, so this need not be soon, and each attempt costs a request.
 */
const everyMs = 600_000;
/** A failed attempt is repeated after this time. */
const retryMs = 60_000;

/** Creates the Secret whenever it does not exist, until the signal aborts. */
export async function keepLivenessKey(maker: KeyMaker): Promise<void> {
  const { log, signal } = maker;
  while (!signal.aborted) {
    let pauseMs = everyMs;
    try {
      await createKey(maker);
    } catch (error) {
      if (!signal.aborted) log.warn({ err: error }, 'liveness key not created');
      pauseMs = retryMs;
    }
    await wait(pauseMs, signal);
  }
}

/** Creates the Secret if it does not exist. The controller never reads the key from the Secret and never logs it. */
async function createKey({ client, log, signal, namespace, secret }: KeyMaker): Promise<void> {
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
