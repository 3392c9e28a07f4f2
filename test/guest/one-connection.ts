/**
 * Requests the same path again and again over one TCP connection, until its input ends. Prints the
 * number of answers after each one. Fails when the connection fails.
 */
import { Agent, get } from 'node:http';

const [url = ''] = process.argv.slice(2);
const pauseMs = 200;
const timeoutMs = 10_000;
const agent = new Agent({ keepAlive: true, maxSockets: 1 });
const ports = new Set<number | undefined>();
let answers = 0;
let isOver = false;

process.stdin.on('end', () => (isOver = true)).resume();
ask();

function ask(): void {
  const request = get(url, { agent, timeout: timeoutMs }, (response) => {
    ports.add(response.socket.localPort);
    if (ports.size > 1) throw new Error('it was not one connection');
    response.resume().on('end', () => {
      answers += 1;
      // As text: a number would be in color where the test runner has a terminal.
      console.log(String(answers));
      if (isOver) agent.destroy();
      else setTimeout(ask, pauseMs);
    });
  });
  request.on('timeout', () => request.destroy(new Error(`no answer within ${timeoutMs} ms`)));
}
