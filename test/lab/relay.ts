/**
 * Connects processes outside of the lab's network with the lab's API server. Forwards every connection to a Unix socket
 * to a port on the loopback of the network namespace in which it runs. Arguments: the socket's path, the port.
 */
import { rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';

const [path = '', port = ''] = process.argv.slice(2);

// A relay that was killed leaves its socket behind.
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

/** Ends one side of a connection when the other side has ended. */
function endTogether(from: Socket, to: Socket): void {
  from.on('error', () => to.destroy());
  from.on('close', () => to.destroySoon());
}
