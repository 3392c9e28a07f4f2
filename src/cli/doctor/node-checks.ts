/** Checks of the nodes: heartbeats between them, and the features of their kernels. */
import { allocationCondition, allocationConditions } from '../../api/allocation.ts';
import { remedyOf } from '../output/reason-text.ts';
import { answeringSpeakers, type Facts } from './facts.ts';
import { type Check, type Found, few, orOk, unknown } from './finding.ts';
import { ofFacts, ofNodes } from './per-node.ts';

/** The checks, in the order in which their findings are printed. */
export const nodeChecks: readonly Check<Facts>[] = [
  { id: 'LivenessBlocked', judge: livenessBlocked },
  { id: 'KernelTooOld', judge: kernelTooOld },
  { id: 'RulesNotLoaded', judge: rulesNotLoaded },
  { id: 'RulesRefused', judge: rulesRefused },
  { id: 'ForwardingOff', judge: forwardingOff },
];

function livenessBlocked(facts: Facts): readonly Found[] {
  const asked = answeringSpeakers(facts);
  if (asked.length === 0) return unknown('no speaker reported its peers');
  const todo =
    'let UDP 7932 (speaker.livenessPort) pass between the nodes: check firewalld, ufw, nftables, and NetworkPolicies for hosts; also check that all speakers have the same key (Secret berth-liveness)';
  const found = asked.flatMap(({ node, status }): readonly Found[] => {
    const never = status.peers.filter(({ reason }) => reason === 'LivenessBlocked').map((peer) => peer.node);
    const dead = status.peers
      .filter((peer) => peer.liveness === 'Dead' && hasReadySpeaker(facts, peer.node))
      .map((peer) => peer.node);
    const where = `node ${node}`;
    return [
      ...(never.length > 0
        ? [
            {
              severity: 'error',
              where,
              what: `has never got a heartbeat from the speaker of ${few(never)}, which runs`,
              todo,
            } as const,
          ]
        : []),
      ...(dead.length > 0
        ? [
            {
              severity: 'error',
              where,
              what: `gets no more heartbeats from the speaker of ${few(dead)}, whose Pod is ready`,
              todo,
            } as const,
          ]
        : []),
    ];
  });
  return orOk(found, 'every speaker gets the heartbeats of all others');
}

function hasReadySpeaker({ pods }: Facts, node: string): boolean {
  return pods.some((pod) => pod.role === 'speaker' && pod.node === node && pod.ready);
}

const oldest = { kernel: [5, 15], nft: [1, 0, 6] } as const;

function kernelTooOld(facts: Facts): readonly Found[] {
  return ofNodes(
    facts,
    (status, where) => {
      const { kernel, nft } = status.facts ?? {};
      const isOff = status.dataPath.nftables === 'Off';
      const old = [
        ...(isBelow(kernel, oldest.kernel) ? [`Linux ${kernel} is older than ${oldest.kernel.join('.')}`] : []),
        ...(isBelow(nft, oldest.nft) ? [`nft ${nft} is older than ${oldest.nft.join('.')}`] : []),
      ];
      if (old.length === 0) return [];
      return [
        {
          severity: isOff ? 'info' : 'error',
          where,
          what: `${old.join('; ')}: too old for the nftables rules`,
          todo: 'use a newer kernel or image; or set speaker.nftables.enabled: false',
        },
      ];
    },
    'the kernels are new enough',
  );
}

function isBelow(version: string | undefined, least: readonly number[]): boolean {
  if (version === undefined) return false;
  const parts = (/\d+(\.\d+)*/.exec(version)?.[0] ?? '').split('.').map(Number);
  const differs = least.findIndex((part, i) => (parts[i] ?? 0) !== part);
  return differs >= 0 && (parts[differs] ?? 0) < (least[differs] ?? 0);
}

function rulesNotLoaded(facts: Facts): readonly Found[] {
  return ofNodes(
    facts,
    ({ dataPath }, where) => {
      const { nftables } = dataPath;
      if (nftables === 'Loaded') return [];
      if (nftables === 'Off')
        return [
          {
            severity: 'info',
            where,
            what: 'the nftables rules are off: new connections to Pods of a dead node fail until Kubernetes notices its death',
            todo: 'nothing, or set the chart value speaker.nftables.enabled: true',
          },
        ];
      return [
        {
          severity: 'error',
          where,
          what: `the nftables rules are not in the kernel: ${nftables}`,
          todo: 'see docs/reasons.md, "Rules of the node"; the log of the speaker names the rule',
        },
      ];
    },
    'the nftables rules are in every kernel',
  );
}

/** What speakers report, and what holders have recorded: a speaker may not answer. */
function rulesRefused(facts: Facts): readonly Found[] {
  const reported = answeringSpeakers(facts).map(({ node, status }) => [node, status.dataPath.refused ?? []] as const);
  const recorded = facts.ledger.flatMap((entry) => {
    const isRefused = allocationCondition(entry, allocationConditions.announced)?.reason === 'RulesRefused';
    const holder = entry.recorded?.node ?? '';
    return isRefused && entry.reservedUntil === undefined ? [[holder, [`vip ${entry.address}`]] as const] : [];
  });
  const byNode = Map.groupBy([...reported, ...recorded], ([node]) => node);
  const found = [...byNode].flatMap(([node, all]): readonly Found[] => {
    const parts = [...new Set(all.flatMap(([, some]) => some))];
    if (parts.length === 0) return [];
    const named = parts.map((part) => refusedPart(part, facts));
    return [
      {
        severity: named.some(({ isLost }) => isLost) ? 'error' : 'warn',
        where: `node ${node}`,
        what: `the kernel refuses nftables rules, which are left out: ${few(named.map(({ text }) => text))}`,
        todo: remedyOf('RulesRefused'),
      },
    ];
  });
  return orOk(found, 'no kernel is known to refuse a rule');
}

/** A refused part with its Services. A VIP that kube-proxy does not serve is lost without its rules. */
function refusedPart(part: string, { ledger, services }: Facts): { readonly text: string; readonly isLost: boolean } {
  const [kind, name] = part.split(' ', 2);
  const entry = kind === 'vip' ? ledger.find(({ address }) => address === name) : undefined;
  if (entry === undefined) return { text: part, isLost: false };
  const uids = new Set(entry.services.map(({ uid }) => uid));
  const users = services.filter(({ uid }) => uids.has(uid));
  const isLost = users.some(({ ingress }) => ingress.some(({ ip, ipMode }) => ip === name && ipMode === 'Proxy'));
  return { text: `${name} (${few(users.map(({ key }) => key))}${isLost ? ', served by nothing' : ''})`, isLost };
}

function forwardingOff(facts: Facts): readonly Found[] {
  const families = new Set(
    facts.services.filter(({ isLoadBalancer }) => isLoadBalancer).flatMap((one) => one.families),
  );
  return ofFacts(
    facts,
    ({ forwarding }, where) => {
      const off = [
        ...(forwarding?.ipv4 === false && (families.size === 0 || families.has('IPv4')) ? ['net.ipv4.ip_forward'] : []),
        ...(forwarding?.ipv6 === false && families.has('IPv6') ? ['net.ipv6.conf.all.forwarding'] : []),
      ];
      return off.map((name) => ({
        severity: 'error',
        where,
        what: `${name} is 0: the node forwards no packets to Pods`,
        todo: `sysctl -w ${name}=1, and keep it in /etc/sysctl.d`,
      }));
    },
    'every node forwards packets',
  );
}
