/**
 * Fixture: serves TCP and UDP ports, and connects to such ports, inside a network namespace. It
 * answers every line of standard input with one line.
 */
import { createSocket } from 'node:dgram';
import { connect, createServer, isIPv6, type Socket } from 'node:net';
import { obey as obeyLines, say, sayReady } from './fixture.ts';

/** One line of standard input; the kind of the answer is its `id`. */
export type Command = { readonly id: string } & (
  | { readonly do: 'serve'; readonly protocol: 'tcp' | 'udp'; readonly port: number; readonly host?: string }
  /** One request from a new socket, which accepts an answer from that address and port only. */
  | ({ readonly do: 'ask' } & Question)
  /** A request, then a marker request: gives the result that the first one has when the marker is answered. */
  | ({ readonly do: 'outrun'; readonly marker: Question } & Question)
  /** Whole frames in hexadecimal, to send on a link. */
  | { readonly do: 'raw'; readonly link: string; readonly frames: readonly string[] }
  /** A connection that stays open. */
  | ({ readonly do: 'open'; readonly name: string } & Target)
  | { readonly do: 'say'; readonly name: string; readonly text: string; readonly timeoutMs?: number }
);

/** The other end of a connection. */
export interface Target {
  readonly host: string;
  readonly port: number;
  readonly localPort?: number;
  readonly timeoutMs?: number;
}

/** A request, and its protocol. */
export interface Question extends Target {
  readonly protocol: 'tcp' | 'udp';
  readonly text: string;
}

/** The result: a text, or the reason why there is none. */
export interface Answer {
  readonly text?: string;
  readonly error?: string;
  readonly ms: number;
}

/** Long, for a busy machine: only a test that expects an answer waits for it. */
const soonMs = 15_000;
const open = new Map<string, Socket>();

/** The answer of a server: the client's address and the same text. For `send N` it is N bytes instead. */
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

/** A caller that must know when its request was sent, and may cancel it. */
interface Asker {
  readonly onSent: () => void;
  readonly signal: AbortSignal;
}

/** Connects; resolves to the error code if that fails. */
function dial({ host, port, localPort, timeoutMs = soonMs }: Target, asker?: Asker): Promise<Socket | string> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, ...(localPort === undefined ? {} : { localPort }) });
    // The event comes right before the system call.
    if (asker) socket.once('connectionAttempt', () => setImmediate(asker.onSent));
    asker?.signal.addEventListener('abort', () => end('Silent'));
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

function askByUdp({ host, port, localPort, text, timeoutMs = soonMs }: Question, asker?: Asker) {
  return new Promise<Omit<Answer, 'ms'>>((resolve) => {
    const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
    let ended = false;
    const end = (outcome: Omit<Answer, 'ms'>) => {
      if (ended) return;
      ended = true;
      clearTimeout(timer);
      socket.close();
      resolve(outcome);
    };
    asker?.signal.addEventListener('abort', () => end({ error: 'Silent' }));
    const timer = setTimeout(() => end({ error: 'Timeout' }), timeoutMs);
    socket.on('error', (error: NodeJS.ErrnoException) => end({ error: error.code ?? error.message }));
    socket.on('message', (message) => end({ text: message.toString().trim() }));
    const send = (error?: Error) => (error ? end({ error: error.message }) : socket.send(text, () => asker?.onSent()));
    socket.bind(localPort ?? 0, () => socket.connect(port, host, send));
  });
}

async function ask(question: Question, asker?: Asker): Promise<Omit<Answer, 'ms'>> {
  if (question.protocol === 'udp') return await askByUdp(question, asker);
  const socket = await dial(question, asker);
  if (typeof socket === 'string') return { error: socket };
  const answer = await exchange(socket, question.text, question.timeoutMs);
  socket.destroy();
  return answer;
}

/**
 * Frames of one link keep their order, and a program reads them in order. So a request that has no
 * answer when its marker is answered stays without an answer. The marker is sent twice, because a
 * program may read the first one together with data from before it.
 */
async function outrun({ marker, ...question }: Question & { readonly marker: Question }) {
  const sent = Promise.withResolvers<void>();
  const taken = new AbortController();
  const answer = ask(question, { onSent: sent.resolve, signal: taken.signal });
  await Promise.race([sent.promise, answer]);
  for (let round = 0; round < 2; round++) {
    const { error } = await ask(marker);
    // A refusal is an answer, too.
    if (error !== undefined && error !== 'ECONNREFUSED') return { error: `no answer to the marker: ${error}` };
  }
  taken.abort();
  return await answer;
}

async function sendRaw({ link: name, frames }: Extract<Command, { do: 'raw' }>): Promise<object> {
  const [{ openFrameSender }, { readLinks }] = await Promise.all([
    import('../../src/linux/frame-sender.ts'),
    import('../../src/linux/link-monitor.ts'),
  ]);
  const link = readLinks().find((one) => one.name === name);
  if (link === undefined) throw new Error(`no link ${name}`);
  const sender = openFrameSender(link);
  const outcomes = frames.map((frame) => sender.send(Buffer.from(frame, 'hex')));
  sender.close();
  if (outcomes.some((outcome) => outcome !== 'Sent')) throw new Error(`${outcomes}`);
  return {};
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
  if (command.do === 'outrun') return await outrun(command);
  if (command.do === 'raw') return await sendRaw(command);
  if (command.do === 'open') return await openNamed(command);
  const socket = open.get(command.name);
  if (socket === undefined) throw new Error(`no connection ${command.name}`);
  return await exchange(socket, command.text, command.timeoutMs);
}

obeyLines<Command>(async (command) => {
  const from = performance.now();
  say({ ...(await obey(command)), kind: command.id, ms: performance.now() - from });
});
sayReady();
