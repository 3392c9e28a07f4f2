/** The neighbor entries of a namespace's kernel on the link of a pair. */
import { ip, linkName } from './namespaces.ts';
import { soon } from './soon.ts';

/** The entry of an address, as ip(8) shows it; empty if there is none. */
export function neighbor(namespace: string, address: string): string {
  return ip(`-n ${namespace} neigh show ${address} dev ${linkName}`).trim();
}

/**
 * Makes the kernel forget an address and resolve it by a request to all hosts, and waits for the
 * answer of a hardware address. A kernel gives up after three requests, and the answer may be late:
 * then the kernel must try again. A frame that is no answer makes an entry only STALE.
 */
export async function isAnsweredBy(namespace: string, address: string, mac: string): Promise<void> {
  const ask = () => {
    ip(`-n ${namespace} neigh flush to ${address}`);
    ip(`-n ${namespace} neigh replace ${address} dev ${linkName} use`);
  };
  ask();
  await soon(`an answer of ${mac} for ${address}`, () => {
    const entry = neighbor(namespace, address);
    if (entry.includes(`${mac} REACHABLE`)) return true;
    if (!entry.includes('INCOMPLETE')) ask();
    throw new Error(`it has "${entry}"`);
  });
}

/**
 * Makes the kernel probe whether the host with a hardware address still has an address (NUD), and
 * waits for its answer.
 */
export async function isStillAnsweredBy(namespace: string, address: string, mac: string): Promise<void> {
  const ask = () => ip(`-n ${namespace} neigh replace ${address} lladdr ${mac} dev ${linkName} nud probe`);
  ask();
  await soon(`${mac} still answers for ${address}`, () => {
    const entry = neighbor(namespace, address);
    if (entry.includes(`${mac} REACHABLE`)) return true;
    if (!entry.includes('PROBE')) ask();
    throw new Error(`it has "${entry}"`);
  });
}
