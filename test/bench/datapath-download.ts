/** Downloads over many connections at once, with an optional limit for the total rate, and prints the rate. */
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** What to download. */
export interface Download {
  readonly host: string;
  readonly port: number;
  readonly connections: number;
  readonly ms: number;
  /** The limit for all connections together, in megabits per second; undefined: as fast as possible. */
  readonly mbitPerSecond?: number;
}

/** TCP's slow start and the resolution of neighbors must not be measured. */
const settleMs = 1_000;
const turnMs = 10;

const order: Download = JSON.parse(process.argv[2] ?? '{}');
let bytes = 0;
const sockets = Array.from({ length: order.connections }, () => {
  const socket = connect(order.port, order.host);
  socket.on('error', (error) => process.stderr.write(`${error.message}\n`));
  socket.on('data', (piece: Buffer) => {
    bytes += piece.length;
  });
  return socket;
});
if (order.mbitPerSecond !== undefined) pace(order.mbitPerSecond);
await delay(settleMs);
const [began, before] = [performance.now(), bytes];
process.stdout.write('begin\n');
await delay(order.ms);
process.stdout.write(`${((bytes - before) * 8) / (performance.now() - began) / 1_000}\n`);
process.exit();

/** Limits the rate by pausing the reads: a server cannot send more to a client that does not read. */
function pace(mbitPerSecond: number): void {
  const since = performance.now();
  setInterval(() => {
    const isAhead = bytes * 8 > mbitPerSecond * 1_000 * (performance.now() - since);
    for (const socket of sockets) isAhead ? socket.pause() : socket.resume();
  }, turnMs);
}
