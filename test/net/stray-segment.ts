/** TCP segments of connections that nobody knows. */
import type { Ip } from '../../src/addr/ip.ts';
import { run } from './path-lab.ts';

let strayPort = 45_000;

/** From where such a segment is sent, and where to. */
export interface StrayEnds {
  readonly namespace: string;
  readonly from: Ip;
  readonly to: Ip;
}

/** Sends one to port 80, from another port than any before; `flags` are those of RFC 9293 section 3.1 as Python writes them. */
export function sendStraySegment({ namespace, from, to }: StrayEnds, flags: string): void {
  strayPort++;
  const domain = from.includes(':') ? 'AF_INET6' : 'AF_INET';
  const script = `import socket, struct
def words(b): return sum(struct.unpack('!%dH' % (len(b) // 2), b))
packed = lambda text: socket.inet_pton(socket.${domain}, text)
head = lambda total: struct.pack('!HHIIBBHHH', ${strayPort}, 80, 1, 1, 80, ${flags}, 1024, total, 0)
total = words(packed('${from}') + packed('${to}') + struct.pack('!HH', 6, 20) + head(0))
while total > 0xffff: total = (total & 0xffff) + (total >> 16)
s = socket.socket(socket.${domain}, socket.SOCK_RAW, 6)
s.sendto(head(total ^ 0xffff), ('${to}', 0))`;
  run(namespace, 'python3', '-c', script);
}
