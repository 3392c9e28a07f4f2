/** The backend of the data path bench. It runs in a Pod's network and serves one connection at a time. Its argument is the port. */
import { listen, wish } from './datapath-sockets.ts';

const [port = 0] = process.argv.slice(2).map(Number);
const accept = listen(port);
process.stdout.write('ready\n');
const block = new Uint8Array(256 * 1_024);
for (;;) {
  const connection = accept();
  let length = connection.receive(block);
  if (length > 0 && block[0] === wish.download) while (connection.send(block) > 0);
  else for (; length > 0; length = connection.receive(block)) if (connection.send(block, length) < length) break;
  connection.close();
}
