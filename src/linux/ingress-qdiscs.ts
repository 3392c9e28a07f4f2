/** Links with a queueing discipline at their ingress. Programs attached to it process packets before nftables (Cilium, Calico's eBPF). */
import { netlinkError, openNetlinkSocket } from './netlink-socket.ts';

/** The kinds that programs are attached to (tc-bpf(8)). Programs that are attached without one (tcx) are not found. */
const kinds: ReadonlySet<string> = new Set(['clsact', 'ingress']);

/** The indexes of these links. Throws a `SystemError` if the kernel refuses the request. */
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
