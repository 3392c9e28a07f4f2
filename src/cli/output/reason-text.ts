/** The meaning of each reason, and what to do about it, in one line each. docs/reasons.md has the details. */
import type { IneligibleReason } from '../../announce/node-eligibility.ts';
import { ownOf } from '../../api/meta.ts';
import type { PoolVerdict } from '../../ipam/reasons.ts';

/** The meaning of each verdict on a node for an address. */
export const nodeVerdictText: Readonly<Record<IneligibleReason, string>> = {
  Holder: 'holds the address, and keeps it while it can',
  Candidate: 'can take the address over',
  LinksUnknown: 'may be able to take the address over: its speaker did not answer, so its links are not known',
  NoSpeaker: 'runs no speaker',
  Excluded: 'has the label node.kubernetes.io/exclude-from-external-load-balancers',
  NotSelected: 'no L2Advertisement of the pool selects it (nodeSelectors)',
  NoLocalEndpoint: 'has no ready endpoint of the Service (externalTrafficPolicy: Local)',
  NotAlive: 'the other speakers get no heartbeats from it',
  Draining: 'is draining: its addresses move to other nodes',
  LinkNotNamed: "its link in the subnet is not in the advertisement's interfaces",
  LinkUnusable: 'its link in the subnet cannot carry announcements',
  NoLink: 'has no link with an address in the subnet',
  NetworkAddress: 'the address is the first or last of its subnet',
};

/** The meaning of each verdict on a pool for a Service. */
export const poolVerdictText: Readonly<Record<PoolVerdict, string>> = {
  Chosen: 'the address comes from this pool',
  Available: 'has a free address',
  NotRequested: 'the Service asks for other pools',
  NotForService: 'serviceAllocation does not match the Service or its namespace',
  RestrictedToStrictPools: 'the Service matches a strict pool, so only strict pools may serve it',
  Cordoned: 'gives out no new address (state: Cordoned)',
  Draining: 'gives out no new address (state: Draining)',
  NotAutoAssign: 'only for Services that ask for this pool (autoAssign: false)',
  NoSuchFamily: 'has no addresses of this family',
  QuotaReached: 'the namespace has used its quota of this pool',
  Exhausted: 'no address is free',
};

/** What to do about each reason that stands for a problem. */
const remedies: Readonly<Record<string, string>> = {
  NoPool: 'create an IPAddressPool that can serve this Service, or change a pool in the table',
  PoolNotFound: 'correct the annotation berth.dev/address-pool: kubectl get ipaddresspools.berth.dev lists the pools',
  PoolNotAllowed: 'ask for another pool or address, or change serviceAllocation of the pool',
  PoolNotActive: 'set state: Active in the pool, or add another pool',
  PoolExhausted:
    'add addresses to a pool, or delete a Service that needs no address: kubectl berth vips shows which Service has which address',
  QuotaExceeded:
    'raise quota.perNamespace of the pool, delete a Service of the namespace, or wait until addresses that are kept back are free',
  AddressNotInPool:
    'ask for another address, or add this one to a pool: kubectl berth who-has ADDRESS shows its state; if another program wrote it to the status of the Service, see StatusOfOthers of kubectl berth doctor',
  AddressInUse: 'ask for another address: kubectl berth who-has ADDRESS shows which Service has this one',
  AddressReserved: 'wait, ask for another address, or delete its IPAllocation',
  AddressConflict: 'exclude the address from the pool, or find the host that answers for it',
  InvalidRequest: 'correct the annotation or the field that the message names',
  ConflictingRequest: 'correct the requests of the Service that the message names',
  SharingConflict: 'undo the change of the Service, or give the Service an address of its own',
  AdoptionConflict: 'decide which Service should have the address, and clear the status of the other one',
  StatusContested:
    'give the Service the class of the program that should serve it, or remove the other program; then kubectl berth doctor (StatusOfOthers) says how Berth takes the address over, or gives the Service another one',
  InternalError: "a fault in Berth: report it with the controller's log",
  PartiallyAllocated: 'add addresses of the other family to a pool',
  PoolRemoved: 'put the address back into a pool, or give the Service another one: kubectl berth renumber',
  OtherClass:
    'create the Service again with a class that Berth serves, or add its class to the chart value loadBalancerClasses',
  NotWritten:
    "if it does not change: check with kubectl berth status that a controller is ready, and read the controller's log",
  NoAdvertisement: 'create an L2Advertisement that covers the pool: one with an empty spec covers every pool',
  NotInStatus: "if it does not change: read the controller's log",
  NoCandidate: 'see the table of nodes for the reason of each node: change the L2Advertisement or a node',
  NoLocalEndpoints:
    'make a Pod of the Service ready on a node that may announce the address, or use externalTrafficPolicy: Cluster',
  NoUsableLink:
    'name a link that has an address in the subnet in interfaces of the L2Advertisement, or exclude the node',
  NetworkAddress:
    'add the address to exclude of the pool: hosts send no ARP request for the first or last address of a subnet',
  LivenessBlocked:
    'let the heartbeats of the speakers (UDP) pass: check the firewall of the nodes, NetworkPolicies, and the key (Secret)',
  HolderStillAnswers:
    'let the heartbeats of the speakers (UDP) pass: check the firewall of the nodes, and NetworkPolicies',
  NoNodeAddress: "give the node an address of the VIP's family (kubelet's --node-ip), or ask for hand-off KubeProxy",
  AddressTaken: 'find the host with that MAC and remove the address from it, or ask for another address',
  AnnouncedByOtherProgram:
    'stop the other program on that node (MetalLB, kube-vip), set strictARP in kube-proxy, or take an address of the node out of the pool',
  ForeignClaim: 'find the host by its MAC: a client may reach that host or the holder',
  NoEndpoints: "check the Service's Pods: none is ready",
  MoveDamped: 'find out why the address moves so often: kubectl get events, and the logs of the speakers',
  RulesRefused: "read the log of the holder's speaker: it names the rule that the kernel refuses",
  DataPathUnproven: 'if it does not change: check kube-proxy on the holder',
  NotAnswered: "check the holder's speaker, and the network between the nodes: port security, MAC filters",
  AnsweredByOther: 'find the host with that MAC, and remove the address from it',
  NoDataPath:
    "check the firewall of the holder, that kube-proxy runs there, and that the Service's Pods listen on that port",
  NoNodePorts: 'remove allocateLoadBalancerNodePorts: false from the Service, or ask for hand-off KubeProxy',
  UnsupportedProtocol: 'ask for hand-off KubeProxy, or give the SCTP port a Service of its own',
  UnknownHandOff: 'correct the annotation berth.dev/hand-off: KubeProxy or NodePort',
  TooManySourceRanges: 'ask for hand-off KubeProxy, merge the ranges, or divide the Service',
  UnreadableSourceRange: 'correct the entry of loadBalancerSourceRanges that the message names',
  LinkHasPrograms: "use distribution: Single: a tc or XDP program gets the packets before Berth's rules",
  RulesNotLoaded: "read the log of the holder's speaker",
  SpreadPathBlocked: "allow the pool's addresses on the nodes' ports (anti-spoofing), or use distribution: Single",
  NoMember: "check the Service's Pods: no live node has a ready one",
  NoNft: 'build the image from the Dockerfile of this version: the present image has no nft',
  TimedOut: 'find the program that changes nftables rules without a pause: nft monitor',
  NotPermitted: 'give the speaker CAP_NET_ADMIN: chart value speaker.nftables.enabled',
  Refused: "use Linux 5.15 and nft 1.0.6 or newer; the speaker's log names the rule",
  NotLoadedYet: "if it does not change within seconds: read the log of the holder's speaker",
  MoveWaits:
    'kubectl berth move says why the node cannot take the address; kubectl annotate ipallocation NAME berth.dev/move-to- cancels the move (NAME as in kubectl get ipallocations)',
  Pending: 'if it does not change within seconds: check with kubectl berth status that the speakers are ready',
};

/** Reasons that only this tool reports: no condition of an object has them. */
export const toolReasons = ['OtherClass', 'NotWritten', 'Pending', 'Reserved', 'MoveWaits', 'NotLoadedYet'] as const;

/** Returns what to do about a reason. */
export function remedyOf(reason: string): string {
  return ownOf(remedies, reason) ?? 'wait some seconds; if it does not change, see docs/reasons.md';
}

/** The reasons that have a remedy. */
export const reasonsWithRemedy: readonly string[] = Object.keys(remedies);
