/** The client of the data path bench. It measures one way to the backends, and prints the results. */
import { connect, wish } from './datapath-sockets.ts';
import { summaryOf } from './medians.ts';

/** What to measure, and where. */
export interface Load {
  readonly host: string;
  readonly port: number;
  /** The number of connections, one after the other. With a VIP that is spread, many nodes serve some of them. */
  readonly connections: number;
  readonly roundTripsEach: number;
  readonly connectMs: number;
  /** The duration of each of ten downloads. */
  readonly downloadMs: number;
}

/** The results. */
export interface Measured {
  readonly p50Us: number;
  readonly p99Us: number;
  readonly connectionsPerSecond: number;
  readonly gbitPerSecond: number;
}

const downloads = 10;

const load: Load = JSON.parse(process.argv[2] ?? '{}');
const message = new Uint8Array(64).fill(wish.echo);
const buffer = new Uint8Array(256 * 1_024);
const { p50Us, p99Us } = latency();
const measured: Measured = { p50Us, p99Us, connectionsPerSecond: connects(), gbitPerSecond: download() };
process.stdout.write(JSON.stringify(measured));

function latency(): Pick<Measured, 'p50Us' | 'p99Us'> {
  const timesUs: number[] = [];
  for (let i = 0; i < load.connections; i++) {
    const connection = connect(load.host, load.port);
    // The first exchange warms up the caches.
    exchange(connection);
    for (let trip = 0; trip < load.roundTripsEach; trip++) {
      const sent = process.hrtime.bigint();
      exchange(connection);
      timesUs.push(Number(process.hrtime.bigint() - sent) / 1_000);
    }
    connection.close();
  }
  timesUs.sort((a, b) => a - b);
  return { p50Us: summaryOf(timesUs).median, p99Us: timesUs[Math.floor(timesUs.length * 0.99)] ?? Number.NaN };
}

/** Opens a connection, makes one exchange and closes it, again and again. */
function connects(): number {
  const began = performance.now();
  let count = 0;
  for (; performance.now() - began < load.connectMs; count++) {
    const connection = connect(load.host, load.port);
    exchange(connection);
    connection.close();
  }
  return (count * 1_000) / (performance.now() - began);
}

function download(): number {
  let [bytes, ms] = [0, 0];
  for (let i = 0; i < downloads; i++) {
    const connection = connect(load.host, load.port);
    connection.send(Uint8Array.of(wish.download));
    connection.receive(buffer);
    const began = performance.now();
    while (performance.now() - began < load.downloadMs) bytes += Math.max(0, connection.receive(buffer));
    ms += performance.now() - began;
    connection.close();
  }
  return (bytes * 8) / ms / 1e6;
}

function exchange(connection: ReturnType<typeof connect>): void {
  connection.send(message);
  if (connection.receive(buffer) !== message.length) throw new Error('a message did not come back');
}
