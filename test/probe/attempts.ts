/** The prober's attempts. Each uses a new TCP socket, and does not wait for the end of earlier attempts. */
import { connect } from 'node:net';
import { type Attempt, attemptTimeoutMs, now, type ProbeOrder, pace } from './told.ts';

/** Ports below those that the kernel assigns (ip_local_port_range), so no other socket uses them. */
const localPorts = { first: 10_000, count: 22_000 } as const;

/**
 * A port is used again only after seven minutes. If a connection was not established, the conntrack table of a node
 * still keeps its backend for two minutes. The node sends packets from the same port to that backend again, even if
 * the backend has long been known to be dead. The first port depends on the clock, so that this also holds for a
 * prober that starts after another one has ended.
 */
const portOffset = Math.floor(now() / pace.attemptMs);
let made = 0;

/** Makes one attempt, and reports its result once. */
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
