/** Sends a datagram to an address until an answer comes from there, and prints it. Arguments: address, port, text. */
import { createSocket } from 'node:dgram';

const repeatMs = 300;
const deadlineMs = 2_000;

const [address = '', port = '', text = ''] = process.argv.slice(2);
const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
socket.on('message', (answer) => {
  process.stdout.write(answer);
  process.exit(0);
});
// A connected socket hears of ICMP errors: nobody listens there.
socket.on('error', ({ message }) => {
  process.stderr.write(`${message}\n`);
  process.exit(1);
});
// It also hears nobody but the address that was asked, as every resolver wants it.
socket.connect(Number(port), address, () => {
  socket.send(text);
  setInterval(() => socket.send(text), repeatMs);
});
setTimeout(() => process.exit(1), deadlineMs);
