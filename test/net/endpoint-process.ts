/** Fixture: serves TCP and UDP ports, and talks to them, inside a network namespace. Every line of standard input is answered with one line. */
import { createSocket } from 'node:dgram';
import { connect, createServer, isIPv6, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

/** One line of standard input; the answer's kind is its `id`. */
export type Command = { readonly id: string } & (
  | { readonly do: 'serve'; readonly protocol: 'tcp' | 'udp'; readonly port: number; readonly host?: string }
  /** One question by a socket of its own, which takes an answer from that address and port only. */
  | ({ readonly do: 'ask'; readonly protocol: 'tcp' | 'udp'; readonly text: string } & Target)
  /** A connection that stays. */
  | ({ readonly do: 'open'; readonly name: string } & Target)
  | { readonly do: 'say'; readonly name: string; readonly text: string; readonly timeoutMs?: number }
);

/** Who is spoken to. */
export interface Target {
  readonly host: string;
  readonly port: number;
  readonly localPort?: number;
  readonly timeoutMs?: number;
}

/** What came of it: a text, or why there is none. */
export interface Answer {
  readonly text?: string;
  readonly error?: string;
  readonly ms: number;
}

const soonMs = 3_000;
const open = new Map<string, Socket>();

/** A server says who has asked it, and repeats the text; one that is told `send N` sends so many bytes instead. */
function answerTo(text: string, from: string): string {
  const [, length] = /^send (\d+)$/.exec(text) ?? [];
  return length === undefined ? `${from} ${text}\n` : `${'x'.repeat(Number(length) - 1)}\n`;
}

function serve({ protocol, port, host = '::' }: Extract<Command, { do: 'serve' }>): Promise<object> {
  return new Promise((resolve, reject) => {
    if (protocol === 'tcp') {
      const server = createServer((socket) => {
        socket.on('error', () => undefined);
        socket.setEncoding('utf8').on('data', (text) => {
          socket.write(answerTo(`${text}`.trim(), `${socket.remoteAddress}`.replace('::ffff:', '')));
        });
      });
      server.on('error', reject).listen(port, host, () => resolve({}));
      return;
    }
    const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
    socket.on('message', (text, from) => {
      socket.send(answerTo(text.toString(), from.address.replace('::ffff:', '')), from.port, from.address);
    });
    socket.on('error', reject).bind(port, host, () => resolve({}));
  });
}

/** Connects; resolves to the code of an error where that fails. */
function dial({ host, port, localPort, timeoutMs = soonMs }: Target): Promise<Socket | string> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, ...(localPort === undefined ? {} : { localPort }) });
    const timer = setTimeout(() => end('Timeout'), timeoutMs);
    const end = (outcome: Socket | string) => {
      clearTimeout(timer);
      if (typeof outcome === 'string') socket.destroy();
      resolve(outcome);
    };
    socket.once('connect', () => end(socket));
    socket.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
  });
}

/** Writes a line and waits for one. */
function exchange(socket: Socket, text: string, timeoutMs = soonMs): Promise<Omit<Answer, 'ms'>> {
  return new Promise((resolve) => {
    let heard = '';
    const end = (outcome: Omit<Answer, 'ms'>) => {
      clearTimeout(timer);
      socket.removeAllListeners('data');
      resolve(outcome);
    };
    const timer = setTimeout(() => end({ error: 'Timeout' }), timeoutMs);
    socket.once('error', (error: NodeJS.ErrnoException) => end({ error: error.code ?? error.message }));
    socket.once('close', () => end({ error: 'Closed' }));
    socket.on('data', (chunk) => {
      heard += chunk;
      if (heard.endsWith('\n')) end({ text: heard.trim() });
    });
    socket.write(text);
  });
}

function askByUdp({ host, port, localPort, text, timeoutMs = soonMs }: Target & { text: string }) {
  return new Promise<Omit<Answer, 'ms'>>((resolve) => {
    const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
    const end = (outcome: Omit<Answer, 'ms'>) => {
      clearTimeout(timer);
      socket.close();
      resolve(outcome);
    };
    const timer = setTimeout(() => end({ error: 'Timeout' }), timeoutMs);
    socket.on('error', (error: NodeJS.ErrnoException) => end({ error: error.code ?? error.message }));
    socket.on('message', (message) => end({ text: message.toString().trim() }));
    socket.bind(localPort ?? 0, () => socket.connect(port, host, (error?: Error) => error ?? socket.send(text)));
  });
}

async function ask(command: Extract<Command, { do: 'ask' }>): Promise<Omit<Answer, 'ms'>> {
  if (command.protocol === 'udp') return await askByUdp(command);
  const socket = await dial(command);
  if (typeof socket === 'string') return { error: socket };
  const answer = await exchange(socket, command.text, command.timeoutMs);
  socket.destroy();
  return answer;
}

async function openNamed(command: Extract<Command, { do: 'open' }>): Promise<Omit<Answer, 'ms'>> {
  const socket = await dial(command);
  if (typeof socket === 'string') return { error: socket };
  open.set(command.name, socket);
  return { text: `${socket.localPort}` };
}

async function obey(command: Command): Promise<object> {
  if (command.do === 'serve') return await serve(command);
  if (command.do === 'ask') return await ask(command);
  if (command.do === 'open') return await openNamed(command);
  const socket = open.get(command.name);
  if (socket === undefined) throw new Error(`no connection ${command.name}`);
  return await exchange(socket, command.text, command.timeoutMs);
}

const say = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);

createInterface({ input: process.stdin }).on('line', async (line) => {
  const command = JSON.parse(line) as Command;
  const from = performance.now();
  say({ ...(await obey(command)), kind: command.id, ms: performance.now() - from });
});
say({ kind: 'ready' });
