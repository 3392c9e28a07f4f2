/** The prober's attempts: each with a new TCP socket, whether those before it have ended or not. */
import { connect } from 'node:net';
import { type Attempt, attemptTimeoutMs, now, type ProbeOrder } from './told.ts';

let made = 0;

/** Makes one attempt and tells how it went, once. */
export function attempt({ vip, ports }: ProbeOrder, tell: (told: Attempt) => void): void {
  const number = made++;
  const at = now();
  let answer = '';
  let told = false;
  const socket = connect({ host: vip, port: ports.http });
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
