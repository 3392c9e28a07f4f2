/** Fixture: a TCP server of the node's namespace that tells of every connection it accepts. */
import { createServer } from 'node:net';

const say = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);
const server = createServer((socket) => {
  say({ kind: 'accepted', from: socket.remoteAddress });
  socket.destroy();
});
server.listen(8080, '::', () => say({ kind: 'ready' }));
