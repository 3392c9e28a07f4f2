/** The prober's attempts: each with a new TCP socket, whether those before it have ended or not. */
import { connect } from 'node:net';
import { type Attempt, attemptTimeoutMs, now, type ProbeOrder, pace } from './told.ts';

/** Below those that the kernel gives (ip_local_port_range): nobody else uses them. */
const localPorts = { first: 10_000, count: 22_000 } as const;

/**
 * A port is used again after seven minutes only. A node remembers for two minutes (conntrack) to which backend it sent the first packet of
 * a connection that came to nothing, and sends what comes from the same port there again, however long that backend has been known as dead.
 * By the clock, so that it is true of a prober that follows another one, too.
 */
const portOffset = Math.floor(now() / pace.attemptMs);
let made = 0;

/** Makes one attempt and tells how it went, once. */
export function attempt({ vip, ports }: ProbeOrder, tell: (told: Attempt) => void): void {
  const number = made++;
  const at = now();
  let answer = '';
  let told = false;
  const localPort = localPorts.first + ((portOffset + number) % localPorts.count);
  const socket = connect({ host: vip, port: ports.http, localPort });
  const end = (outcome: string) => {
    if (told) return;
    told = true;
    clearTimeout(timer);
    socket.destroy();
    tell({ kind: 'attempt', number, at, ms: now() - at, outcome });
  };
  const timer = setTimeout(() => end('timeout'), attemptTimeoutMs);
  socket.on('connect', () => socket.write('GET / HTTP/1.0\r\n\r\n'));
  socket.on('data', (piece) => {
    answer += piece;
  });
  socket.on('end', () => end(isWhole(answer) ? 'ok' : 'cut'));
  socket.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? 'error'));
}

function isWhole(answer: string): boolean {
  return /^HTTP\/1\.\d 200 /.test(answer) && answer.endsWith('\n');
}
