/** TCP segments that a kernel would not send: of unknown connections, and many at a time. */
import type { Ip } from '../../src/addr/ip.ts';
import { encodeTcp } from '../../src/wire/tcp.ts';

/** Below the kernel's ephemeral ports. */
let lastPort = 24_000;

/** Source and destination of such a segment. */
export interface SegmentEnds {
  readonly source: string;
  readonly destination: string;
  readonly from: Ip;
  readonly to: Ip;
  readonly port?: number;
  readonly sourcePort?: number | undefined;
}

/**
 * A segment to port 80 or another port, from a source port that was not used before; `flags` are
 * those of RFC 9293 section 3.1.
 */
export function segment(ends: SegmentEnds, flags: number): Uint8Array {
  const { source, destination, from, to, port = 80, sourcePort = ++lastPort } = ends;
  return encodeTcp({
    ...{ destination, source, flags, window: 1_024, sourceIp: from, destinationIp: to },
    ...{ sourcePort, destinationPort: port, sequence: 1, acknowledgment: 1 },
  });
}
