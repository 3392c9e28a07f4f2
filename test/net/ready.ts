/** Waits until a kernel is done with what follows the start of a link. */
import { linkName, run } from './namespaces.ts';
import { soon } from './soon.ts';

/**
 * IPv6 is ready on a link some time after the link is up, also without DAD: the kernel gives it the link-local address and the routes that
 * come with that in a task of its own. Packets that it forwards before then may be lost.
 */
export async function ipv6IsReady(namespace: string, link: string = linkName): Promise<void> {
  await soon(`IPv6 is ready on ${link} of ${namespace}`, () =>
    run(namespace, 'ip', '-6', 'route', 'show', 'table', 'local', 'dev', link).includes('local fe80:'),
  );
}
