/** Fixture: a TCP server in the node's namespace that reports every connection it accepts. */
import { createServer } from 'node:net';
import { say, sayReady } from './fixture.ts';

const server = createServer((socket) => {
  say({ kind: 'accepted', from: socket.remoteAddress });
  socket.destroy();
});
server.listen(8080, '::', sayReady);
