/**
 * Hand-off `NodePort`: packets for a port of a VIP become packets for the Service's node port, and the program that
 * serves node ports serves them.
 *
 * The rewrite is stateless and comes before conntrack. NAT cannot be used here: once one chain has decided a
 * connection's NAT, the kernel consults no other, so kube-proxy's rules would never run. The connections get a
 * conntrack zone of their own (original direction only). So a client may use the same source port to the VIP and to the
 * node port, and the replies can be recognized. After NAT the rules write the VIP's address and port back into the
 * replies.
 *
 * If no endpoint serves a port, kube-proxy would refuse the node port with an ICMP message about the node port, which
 * the client could not match to its connection. So new connections to such a port are not rewritten, and are refused
 * for the VIP itself (see `unserved.ts`).
 */
import type { Ip } from '../../addr/ip.ts';
import type { Dialect } from '../nft/family.ts';
import { chain, hookChain, mapOf, setOf, sum, type TableFragment } from '../nft/fragment.ts';
import type { DataPath, PortPath, VipPath } from '../plan/spec.ts';
import { clearSpare, errorRule, handOffErrors, type Rewritten } from './hand-off-errors.ts';

/**
 * Matches the start of a connection: an established one may go on with a Pod that gets no new ones. UDP has no start.
 */
const begins = { tcp: 'tcp flags & (syn | ack) == syn', udp: '' } as const;

/** Transport protocols whose checksum nft can update. */
const protocols = ['tcp', 'udp'] as const;

/** The rules of the hand-off in one family; none if no port is handed off this way. `zone` is the conntrack zone. */
export function handOff(dialect: Dialect, path: Pick<DataPath, 'vips' | 'nodeAddresses'>, zone: number): TableFragment {
  const { ip, family } = dialect;
  const own = path.nodeAddresses[family];
  const ports = path.vips.flatMap(handedPorts);
  if (own === undefined || ports.length === 0) return {};
  const inward = protocols.map(
    (protocol) => `${ip} daddr . ${protocol} dport @${protocol}_handed goto hand_off_${protocol}`,
  );
  const outward = [`ct original zone ${zone} ct direction reply ${ip} saddr ${own} goto give_back`];
  const unknown = `ct original zone ${zone} ct state new tcp flags & (syn | rst) == 0 ${ip} daddr ${own}`;
  const errors = handOffErrors(dialect, ports, { own, zone });
  const chains: TableFragment = {
    chains: {
      hand_off: hookChain('filter hook prerouting priority raw - 10', [...inward, errorRule(dialect)]),
      // A packet of an unknown connection gets its VIP back for the second chance. Without a second chance it is
      // rewritten again.
      hand_off_unknown: hookChain('filter hook prerouting priority mangle - 11', [
        `${unknown} tcp dport @tcp_returned goto take_back`,
      ]),
      take_back: chain(`${ip} daddr set tcp dport map @tcp_vip`, 'tcp dport set tcp dport map @tcp_port'),
      hand_off_again: hookChain('filter hook prerouting priority mangle - 9', inward.slice(0, 1)),
      // Packets that the second chance hands on pass here too, untracked: the next node rewrites them.
      hand_off_local: hookChain('route hook output priority raw - 10', ['ct state untracked accept', ...inward]),
      // After srcnat (100), and after its counterpart for packets to this node itself.
      replies_out: hookChain('filter hook postrouting priority 300', outward),
      replies_in: hookChain('filter hook input priority 300', outward),
      give_back: chain(
        ...clearSpare[family],
        ...protocols.map((protocol) => `${protocol} sport @${protocol}_returned goto give_back_${protocol}`),
      ),
    },
  };
  return sum([chains, ...protocols.map((protocol) => rewrite(dialect, protocol, { ports, own, zone })), errors]);
}

interface Handed extends Rewritten {
  readonly sources: PortPath['sources'];
  readonly vacant: boolean;
}

function handedPorts({ address, ports }: VipPath): readonly Handed[] {
  return ports.flatMap(({ nodePort, ...port }) => (nodePort === undefined ? [] : [{ address, nodePort, ...port }]));
}

interface Facts {
  readonly ports: readonly Handed[];
  readonly own: Ip;
  readonly zone: number;
}

function rewrite(dialect: Dialect, protocol: (typeof protocols)[number], { ports, own, zone }: Facts): TableFragment {
  const { ip, address: type } = dialect;
  const mine = ports.filter((port) => port.protocol === protocol);
  const at = ({ address, port }: Handed) => `${address} . ${port}`;
  const back = (read: (port: Handed) => string) => mine.map((one) => [`${one.nodePort}`, read(one)] as const);
  const guarded = mine.filter(({ sources }) => sources !== undefined);
  const admits = ({ sources }: Handed) => sources?.length ?? 0;
  const fewestFirst = guarded.toSorted((a, b) => admits(a) - admits(b));
  const allowed = fewestFirst.flatMap((one) => (one.sources ?? []).map((source) => `${at(one)} . ${source}`));
  const key = `${ip} daddr . ${protocol} dport`;
  return {
    collections: {
      // The keys of the maps again, as sets: before Linux 6.4 a rule cannot test whether a map has a key.
      [`${protocol}_handed`]: setOf(`${type} . inet_service`, mine.map(at)),
      [`${protocol}_returned`]: setOf(
        'inet_service',
        mine.map(({ nodePort }) => `${nodePort}`),
      ),
      [`${protocol}_to`]: mapOf(
        `${type} . inet_service : inet_service`,
        mine.map((one) => [at(one), `${one.nodePort}`]),
      ),
      [`${protocol}_vip`]: mapOf(
        `inet_service : ${type}`,
        back(({ address }) => address),
      ),
      [`${protocol}_port`]: mapOf(
        'inet_service : inet_service',
        back(({ port }) => `${port}`),
      ),
      [`${protocol}_guarded`]: setOf(`${type} . inet_service`, guarded.map(at)),
      [`${protocol}_vacant`]: setOf(`${type} . inet_service`, mine.filter(({ vacant }) => vacant).map(at)),
      [`${protocol}_allowed`]: {
        ...setOf(`${type} . inet_service . ${type}; flags interval`, allowed),
        mayFollow: true,
      },
    },
    chains: {
      [`hand_off_${protocol}`]: chain(
        `${key} @${protocol}_guarded ${key} . ${ip} saddr != @${protocol}_allowed drop`,
        `${key} @${protocol}_vacant ${begins[protocol]} accept`,
        `ct original zone set ${zone}`,
        // The port first: the address is part of the key of its map.
        `${protocol} dport set ${key} map @${protocol}_to`,
        `${ip} daddr set ${own}`,
      ),
      [`give_back_${protocol}`]: chain(
        `${ip} saddr set ${protocol} sport map @${protocol}_vip`,
        `${protocol} sport set ${protocol} sport map @${protocol}_port`,
      ),
    },
  };
}
