/** The request process of a host: it reads requests from stdin, sends them from that host, and prints the answers. */
import { createSocket } from 'node:dgram';
import { request } from 'node:http';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import type { AnswerLine, Answers, Ask, AskLine, HttpAsk, Reply, SolicitAsk, UdpAsk } from './asks.ts';

const udpRepeatMs = 300;

createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, ask } = JSON.parse(line) as AskLine;
  const tell = (told: AnswerLine) => process.stdout.write(`${JSON.stringify(told)}\n`);
  answerTo(ask).then(
    (answer) => tell({ id, answer }),
    (error: Error) => tell({ id, error: error.message }),
  );
});
// The owner of this process has ended.
process.stdin.on('close', () => process.exit());
process.stdout.on('error', () => process.exit());

function answerTo(ask: Ask): Promise<Answers[Ask['do']]> {
  switch (ask.do) {
    case 'http':
      return overHttp(ask);
    case 'udp':
      return overUdp(ask);
    case 'solicit':
      return solicited(ask);
  }
}

async function overHttp(ask: HttpAsk): Promise<readonly Reply[]> {
  const replies: Reply[] = [];
  for (let count = 0; count < ask.connections; count++) replies.push(await connection(ask));
  return replies;
}

/** One request over a connection of its own, which ends with the answer. */
function connection({ address, port, path, timeoutMs }: HttpAsk): Promise<Reply> {
  const { promise, resolve } = Promise.withResolvers<Reply>();
  const sent = request({ host: address, port, path, agent: false, headers: { connection: 'close' } });
  const timer = setTimeout(() => {
    resolve({ failed: 'timeout' });
    sent.destroy();
  }, timeoutMs);
  const fail = (error: NodeJS.ErrnoException) => resolve({ failed: error.code ?? error.message });
  sent.on('error', fail);
  sent.on('response', (answer) => {
    text(answer).then((body) => resolve({ status: answer.statusCode ?? 0, body }), fail);
  });
  sent.end();
  return promise.finally(() => clearTimeout(timer));
}

function overUdp({ address, port, text: question, timeoutMs }: UdpAsk): Promise<Reply> {
  const { promise, resolve } = Promise.withResolvers<Reply>();
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  const send = () => socket.send(question, () => {});
  const timer = setTimeout(() => resolve({ failed: 'timeout' }), timeoutMs);
  let repeating: NodeJS.Timeout | undefined;
  socket.on('message', (answer) => resolve({ status: 0, body: answer.toString() }));
  // A connected socket gets ICMP errors, such as "port unreachable".
  socket.on('error', (error: NodeJS.ErrnoException) => resolve({ failed: error.code ?? error.message }));
  // It also accepts datagrams only from the address of the request, as every resolver does.
  socket.connect(port, address, () => {
    send();
    repeating = setInterval(send, udpRepeatMs);
  });
  return promise.finally(() => {
    clearTimeout(timer);
    clearInterval(repeating);
    socket.close();
  });
}

/** Sending raw frames needs a native library, so the module is loaded only for such a request. */
async function solicited({ link, address }: SolicitAsk): Promise<readonly string[]> {
  const { advertisersOf } = await import('./solicit.ts');
  return advertisersOf(link, address);
}
