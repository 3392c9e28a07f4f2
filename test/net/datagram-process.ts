/**
 * Fixture: sends and receives signed datagrams in a namespace, on command, with a fast clock.
 * Arguments: port, key file.
 */
import { createSocket } from 'node:dgram';
import { openDatagrams } from '../../src/runtime/signed-datagrams.ts';
import { quicken } from './fast-clock.ts';
import { obey, say, sayReady } from './fixture.ts';

/** One line of standard input. Every command gets an answer. */
export type Command =
  | { readonly do: 'send'; readonly text: string; readonly to: readonly string[] }
  /** Sends datagrams, in hexadecimal, to this process from another socket. Answered when all have arrived. */
  | { readonly do: 'forge'; readonly datagrams: readonly string[] }
  | { readonly do: 'counters' };

quicken();
const [port = '', keyFile = ''] = process.argv.slice(2);
const datagrams = await openDatagrams({
  port: Number(port),
  keyFile,
  onText: (text, from) => say({ kind: 'text', text, from }),
  onFailed: (error) => say({ kind: 'failed', message: error.message }),
});

const stranger = createSocket('udp4');
const cameSoFar = () => datagrams.counters.received + datagrams.counters.unsigned;

/** One after the other: a socket's buffer holds only a few hundred. */
async function forge(texts: readonly string[]): Promise<void> {
  for (const text of texts) {
    const before = cameSoFar();
    stranger.send(Buffer.from(text, 'hex'), Number(port), '127.0.0.1');
    while (cameSoFar() === before) await new Promise(setImmediate);
  }
}

obey<Command>(async (command) => {
  if (command.do === 'send') datagrams.send(command.text, command.to);
  if (command.do === 'forge') await forge(command.datagrams);
  say({ kind: 'done', ...datagrams.counters });
});
process.stdin.on('close', () => process.exit());
sayReady();
