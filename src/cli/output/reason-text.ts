/** What reasons mean and what to do about them, in one line each; docs/reasons.md says more. */
import type { IneligibleReason } from '../../announce/node-eligibility.ts';
import type { PoolVerdict } from '../../ipam/reasons.ts';

/** What a node is to an address. */
export const nodeVerdictText: Readonly<Record<IneligibleReason, string>> = {
  Holder: 'holds it, and keeps it while it can',
  Candidate: 'could hold it',
  NoSpeaker: 'no speaker runs there',
  Excluded: 'carries the label node.kubernetes.io/exclude-from-external-load-balancers',
  NotSelected: 'no L2Advertisement of the pool selects it (nodeSelectors)',
  NoLocalEndpoint: 'has no ready endpoint of the Service (externalTrafficPolicy: Local)',
  NotAlive: 'the other speakers do not hear it',
  Draining: 'is draining: its addresses are to go elsewhere',
  LinkNotNamed: "its link in the subnet is not named in the advertisement's interfaces",
  LinkUnusable: 'its link in the subnet cannot carry announcements',
  NoLink: 'has no link with an address in the subnet',
  NetworkAddress: 'the address is the first or last of its subnet',
};

/** What became of a pool. */
export const poolVerdictText: Readonly<Record<PoolVerdict, string>> = {
  Chosen: 'the address comes from here',
  Available: 'has a free address',
  NotRequested: 'the Service asks for other pools',
  NotForService: 'serviceAllocation does not match the Service or its namespace',
  RestrictedToStrictPools: 'a strict pool keeps the Service to itself',
  Cordoned: 'gives nothing new (state: Cordoned)',
  Draining: 'gives nothing new (state: Draining)',
  NotAutoAssign: 'only for Services that ask for it (autoAssign: false)',
  NoSuchFamily: 'has no addresses of this family',
  QuotaReached: 'the namespace has all that it may have (quota)',
  Exhausted: 'no address is free',
};

/** What to do about each reason that something is not as it should be. */
const remedies: Readonly<Record<string, string>> = {
  NoPool: 'create an IPAddressPool that gives this Service an address, or change the one that the table names',
  PoolNotFound: 'correct the annotation berth.dev/address-pool: kubectl get ipaddresspools names the pools',
  PoolNotAllowed: 'ask for another pool or address, or change serviceAllocation of the pool',
  PoolNotActive: 'set state: Active in the pool, or add another pool',
  PoolExhausted: 'add addresses to a pool, or delete a Service that needs none: kubectl berth vips shows who has them',
  QuotaExceeded: 'raise quota.perNamespace of the pool, or delete a Service of the namespace',
  AddressNotInPool: 'ask for another address, or add this one to a pool: kubectl berth who-has tells about it',
  AddressInUse: 'ask for another address: kubectl berth who-has tells who has this one',
  AddressReserved: 'wait, ask for another address, or delete its IPAllocation',
  AddressConflict: 'exclude the address from the pool, or find the host that answers for it',
  InvalidRequest: 'correct the annotation that the message names',
  ConflictingRequest: 'correct the wishes of the Service that the message names',
  SharingConflict: 'undo the change of the Service, or let it have an address of its own',
  AdoptionConflict: 'decide which Service should have the address, and clear the status of the other one',
  StatusContested: 'give the Service a class of the program that should serve it, or remove the other program',
  PartiallyAllocated: 'give a pool addresses of the other family',
  PoolRemoved: 'put the address back into a pool, or move the Service: kubectl berth renumber',
  OtherClass:
    'make the Service anew with a class that Berth serves, or add the class to the chart value loadBalancerClasses',
  NotWritten: "if it stays so: is a controller ready? kubectl berth status, and the controller's log",
  NoAdvertisement: 'create an L2Advertisement that covers the pool: one with an empty spec covers every pool',
  NotInStatus: "if it stays so: look at the controller's log",
  NoCandidate: 'the table of nodes says what keeps each one from it: change the L2Advertisement or that node',
  NoLocalEndpoints:
    'let a Pod of the Service become ready on a node that may announce it, or use externalTrafficPolicy: Cluster',
  NoUsableLink:
    'name a link in interfaces of the L2Advertisement that has an address in the subnet, or leave the node out',
  NetworkAddress: 'name the address in exclude of the pool: nobody asks for the first or last address of a subnet',
  LivenessBlocked:
    'let the speakers hear each other by UDP: a firewall on the nodes, a NetworkPolicy, or another key (Secret)',
  HolderStillAnswers: 'let the speakers hear each other by UDP: a firewall on the nodes, or a NetworkPolicy',
  AddressTaken: 'find the host with that MAC and take the address from it, or ask for another address',
  AnnouncedByOtherProgram: 'stop the other program on that node (MetalLB, kube-vip), or set strictARP in kube-proxy',
  ForeignClaim: 'find the host by its MAC: clients may reach either',
  NoEndpoints: "look at the Service's Pods: none is ready",
  MoveDamped: 'find out why it moves so often: kubectl get events, the logs of the speakers',
  DataPathUnproven: 'if it stays so: look at kube-proxy on the holder',
  NotAnswered: "look at the holder's speaker and the network between the nodes: port security, MAC filters",
  AnsweredByOther: 'find the host with that MAC, and take the address from it',
  NoDataPath: "a firewall at the holder? does kube-proxy run there, do the Service's Pods listen on that port?",
  NoNodePorts: 'remove allocateLoadBalancerNodePorts: false from the Service, or ask for hand-off KubeProxy',
  UnsupportedProtocol: 'ask for hand-off KubeProxy, or give the SCTP port a Service of its own',
  UnknownHandOff: 'correct the annotation berth.dev/hand-off: KubeProxy or NodePort',
  LinkHasPrograms: 'use distribution: Single: a program sees packets before our rules do',
  RulesNotLoaded: "look at the log of the holder's speaker",
  SpreadPathBlocked: "allow the pool's addresses on the nodes' ports (anti-spoofing), or use distribution: Single",
  NoMember: "look at the Service's Pods: no node that lives has a ready one",
  NoNft: 'build the image from the Dockerfile of this version: it has no nft',
  NotPermitted: 'the speaker needs CAP_NET_ADMIN: chart value speaker.nftables.enabled',
  Refused: "Linux 5.15 and nft 1.0.6 or newer are needed; the speaker's log names the rule",
  NotLoadedYet: "if it stays so for seconds: look at the log of the holder's speaker",
  MoveWaits:
    'kubectl berth move says why the node cannot have it; kubectl annotate ipallocation ADDRESS berth.dev/move-to- ends the wish',
  Pending: 'if it stays so for seconds: are the speakers ready? kubectl berth status',
};

/** Reasons that only this tool gives, of what nobody has written down. */
export const toolReasons = ['OtherClass', 'NotWritten', 'Pending', 'Reserved', 'MoveWaits', 'NotLoadedYet'] as const;

/** What to do about a reason. */
export function remedyOf(reason: string): string {
  return remedies[reason] ?? 'it should pass by itself within seconds; docs/reasons.md says what to look at if not';
}

/** The reasons that have a cure. */
export const reasonsWithRemedy: readonly string[] = Object.keys(remedies);
