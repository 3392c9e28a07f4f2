/** The prober's long-lived connections. Each sends all the time, and checks that every byte comes back in order. */
import { connect, type Socket } from 'node:net';
import { type Echo, type Echoes, now, type ProbeOrder, pace } from './told.ts';

const messageBytes = 16;
/** A connection is stuck if bytes that it sent this long ago have not come back. */
const stuckMs = 1_500;
/** A prime number, so that a lost or repeated piece is noticed. */
const period = 251;

/** Connections that are opened together. */
export class EchoConnections {
  readonly #order: ProbeOrder;
  #all: readonly EchoConnection[] = [];

  constructor(order: ProbeOrder) {
    this.#order = order;
  }

  /** Keeps working connections, closes broken ones, and opens new ones until there are `count`. */
  open(count: number): void {
    const well = this.#all.filter((each) => each.fault() === undefined);
    for (const each of this.#all) if (!well.includes(each)) each.close();
    const missing = Math.max(0, count - well.length);
    this.#all = [...well, ...Array.from({ length: missing }, () => new EchoConnection(this.#order))];
  }

  /** The present state of the connections. */
  count(): Echoes {
    const broken: Record<string, number> = {};
    const faults = this.#all.map((each) => each.fault());
    for (const fault of faults) if (fault !== undefined) broken[fault] = (broken[fault] ?? 0) + 1;
    const alive = this.#all.filter((_, i) => faults[i] === undefined);
    const longestPauseMs = Math.max(0, ...alive.map(({ longestPauseMs }) => longestPauseMs));
    const each = this.#all.map((one, i): Echo => ({ ...one.from(), fault: faults[i] }));
    return { kind: 'echoes', alive: alive.length, broken, longestPauseMs, each };
  }
}

class EchoConnection {
  longestPauseMs = 0;
  readonly #socket: Socket;
  readonly #timer: NodeJS.Timeout;
  #sent = 0;
  #back = 0;
  /** When bytes last came back, or when the oldest of the missing bytes was sent. */
  #waitsSince = now();
  #fault: string | undefined;
  /** The part received so far of the line that the backend sends first. */
  #greeting = '';

  constructor({ vip, ports }: ProbeOrder) {
    this.#socket = connect({ host: vip, port: ports.echo, noDelay: true });
    this.#socket.on('data', (piece: Buffer) => this.#take(piece));
    this.#socket.on('error', (error: NodeJS.ErrnoException) => this.#end(error.code ?? 'error'));
    this.#socket.on('close', () => this.#end('closed'));
    this.#timer = setInterval(() => this.#send(), pace.echoMs);
  }

  /** Why the connection does not work; undefined while it works. */
  fault(): string | undefined {
    if (this.#fault !== undefined) return this.#fault;
    if (this.#back === 0) return 'unanswered';
    return this.#sent > this.#back && now() - this.#waitsSince > stuckMs ? 'stuck' : undefined;
  }

  /** The Pod, node and client address of the backend's first line; empty until that line has come. */
  from(): Omit<Echo, 'fault'> {
    const [pod = '', node = '', peer = ''] = this.#greeting.trim().split(' ');
    return { pod, node, peer };
  }

  close(): void {
    this.#end('closed');
  }

  #send(): void {
    if (this.#socket.connecting || this.#fault !== undefined) return;
    if (this.#sent === this.#back) this.#waitsSince = now();
    this.#socket.write(Buffer.from(Array.from({ length: messageBytes }, (_, i) => (this.#sent + i) % period)));
    this.#sent += messageBytes;
  }

  #take(piece: Buffer): void {
    for (const byte of this.#withoutGreeting(piece)) {
      if (byte !== this.#back % period) this.#end('disorder');
      this.#back += 1;
    }
    const at = now();
    this.longestPauseMs = Math.max(this.longestPauseMs, at - this.#waitsSince);
    this.#waitsSince = at;
  }

  #withoutGreeting(piece: Buffer): Buffer {
    if (this.#greeting.endsWith('\n')) return piece;
    const end = piece.indexOf('\n') + 1 || piece.length;
    this.#greeting += piece.subarray(0, end).toString('latin1');
    return piece.subarray(end);
  }

  #end(fault: string): void {
    this.#fault ??= fault;
    clearInterval(this.#timer);
    this.#socket.destroy();
  }
}
