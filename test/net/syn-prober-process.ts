/** Fixture: probes ports by raw frames, in the client's namespace; one line of standard input is one probe. */
import { createServer } from 'node:net';
import { receiveNow } from '../../src/linux/libc.ts';
import { readLinks } from '../../src/linux/link-monitor.ts';
import { openReceiveSocket } from '../../src/linux/packet-socket.ts';
import { reserveTcpPort } from '../../src/linux/reserved-port.ts';
import { tcpToPort } from '../../src/linux/socket-filter.ts';
import { type SynProbe, SynProber } from '../../src/linux/syn-prober.ts';
import { obey, say, sayReady } from './fixture.ts';
import { linkName } from './namespaces.ts';

const prober = new SynProber({
  onAnswer: (address) => say({ kind: 'answer', address }),
  onFault: (link, error) => say({ kind: 'fault', link, message: String(error) }),
});

/** A probe, or another command. */
type Command = Omit<SynProbe, 'link'> & { readonly do?: 'close' | 'reserve' | 'filter' | 'count' };

/** Whether another program could listen on a port: `Listens`, or the error code. */
function listenOn(port: number, host: string): Promise<string> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code ?? ''));
    server.listen(port, host, () => server.close(() => resolve('Listens')));
  });
}

/** Reserves a port, and gives it back. */
async function reserve(): Promise<void> {
  const hosts = ['0.0.0.0', '::'];
  const { port, close } = reserveTcpPort();
  const during: string[] = [];
  for (const host of hosts) during.push(await listenOn(port, host));
  close();
  say({ kind: 'reserved', port, during, after: await listenOn(port, '0.0.0.0') });
}

/** Sockets with the filter for one port. */
let filtered: readonly number[] = [];

/** The number of frames that they have received since the last count. */
function count(): number {
  const bytes = new Uint8Array(2_048);
  let frames = 0;
  for (const fd of filtered) while (receiveNow(fd, bytes) >= 0) frames++;
  return frames;
}

obey<Command>((command) => {
  if (command.do === 'reserve') {
    reserve();
    return;
  }
  if (command.do === 'close') {
    prober.close();
    say({ kind: 'closed' });
    return;
  }
  if (command.do === 'count') {
    say({ kind: 'count', frames: count() });
    return;
  }
  const link = readLinks().find(({ name }) => name === linkName);
  if (link === undefined) throw new Error(`no link ${linkName}`);
  if (command.do === 'filter') {
    const families = ['IPv4', 'IPv6'] as const;
    filtered = families.map((family) => openReceiveSocket(link, tcpToPort(command.port, family)));
    say({ kind: 'filters' });
    return;
  }
  prober.probe({ ...command, link });
  say({ kind: 'sent' });
});
sayReady();
