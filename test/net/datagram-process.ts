/** Sends and receives signed datagrams in a namespace, on command. */
import { createInterface } from 'node:readline';
import { openDatagrams } from '../../src/runtime/signed-datagrams.ts';

const [port = '', keyFile = ''] = process.argv.slice(2);
const tell = (said: object) => process.stdout.write(`${JSON.stringify(said)}\n`);
const datagrams = await openDatagrams({
  port: Number(port),
  keyFile,
  onText: (text, from) => tell({ kind: 'text', text, from }),
  onFailed: (error) => tell({ kind: 'failed', message: error.message }),
});
createInterface({ input: process.stdin }).on('line', (line) => {
  const { send, to } = JSON.parse(line) as { readonly send: string; readonly to: readonly string[] };
  datagrams.send(send, to);
  tell({ kind: 'sent' });
});
process.stdin.on('close', () => process.exit());
tell({ kind: 'ready' });
