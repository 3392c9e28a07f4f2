/**
 * The lab's way from outside to its API server: hands every connection to a Unix socket on to a port of the loopback of the network
 * namespace that it runs in. Arguments: the socket's path, the port.
 */
import { rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';

const [path = '', port = ''] = process.argv.slice(2);

// One that was killed leaves its socket behind.
rmSync(path, { force: true });
createServer({ allowHalfOpen: true }, (inward) => {
  const outward = connect({ host: '127.0.0.1', port: Number(port), allowHalfOpen: true });
  for (const [from, to] of [
    [inward, outward],
    [outward, inward],
  ] as const) {
    endTogether(from, to);
    from.pipe(to);
  }
}).listen(path);

/** Neither side waits for one that is gone. */
function endTogether(from: Socket, to: Socket): void {
  from.on('error', () => to.destroy());
  from.on('close', () => to.destroySoon());
}
