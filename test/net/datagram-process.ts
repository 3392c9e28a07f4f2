/** Sends and receives signed datagrams in a namespace, on command. */
import { openDatagrams } from '../../src/runtime/signed-datagrams.ts';
import { obey, say, sayReady } from './fixture.ts';

const [port = '', keyFile = ''] = process.argv.slice(2);
const datagrams = await openDatagrams({
  port: Number(port),
  keyFile,
  onText: (text, from) => say({ kind: 'text', text, from }),
  onFailed: (error) => say({ kind: 'failed', message: error.message }),
});
obey<{ readonly send: string; readonly to: readonly string[] }>(({ send, to }) => {
  datagrams.send(send, to);
  say({ kind: 'sent' });
});
process.stdin.on('close', () => process.exit());
sayReady();
