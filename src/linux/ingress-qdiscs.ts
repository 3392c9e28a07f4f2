/** Links with a queueing discipline at their ingress: programs that hang on it see packets before nftables does (Cilium, Calico's eBPF). */
import { netlinkError, openNetlinkSocket } from './netlink-socket.ts';

/** The kinds that programs hang on (tc-bpf(8)). Programs attached without one (tcx) are not seen. */
const kinds: ReadonlySet<string> = new Set(['clsact', 'ingress']);

/** The indexes of those links. Throws a `SystemError` where the kernel does not tell. */
export function readIngressQdiscs(): ReadonlySet<number> {
  const socket = openNetlinkSocket();
  try {
    socket.request('qdiscs');
    const found = new Set<number>();
    for (;;) {
      const received = socket.receive();
      if (received === 'None' || received === 'Lost') return found;
      for (const { body } of received) {
        if ((body.kind === 'End' || body.kind === 'Failed') && body.errno !== 0) throw netlinkError(body.errno);
        if (body.kind === 'End') return found;
        if (body.kind === 'Qdisc' && kinds.has(body.name)) found.add(body.index);
      }
    }
  } finally {
    socket.close();
  }
}
