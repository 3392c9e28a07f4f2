/** Checks of Berth's own Pods, and of the cluster's policies for them. */
import { obeysExclusion } from '../../announce/node-eligibility.ts';
import { answeringSpeakers, type Facts } from './facts.ts';
import { type Check, type Found, few, ok, orOk, unknown } from './finding.ts';

/** The checks, in the order in which their findings are printed. */
export const installationChecks: readonly Check<Facts>[] = [
  { id: 'SecondInstallation', judge: secondInstallation },
  { id: 'ControllerNotReady', judge: (facts) => notReady(facts, 'controller') },
  { id: 'SpeakerNotReady', judge: (facts) => notReady(facts, 'speaker') },
  { id: 'SpeakerMissing', judge: speakerMissing },
  { id: 'SpeakerNotAsked', judge: speakerNotAsked },
  { id: 'VersionsMixed', judge: versionsMixed },
  { id: 'PodSecurity', judge: podSecurity },
  { id: 'AdmissionPolicyMissing', judge: admissionPolicyMissing },
  { id: 'NodesExcluded', judge: nodesExcluded },
  { id: 'Warnings', judge: warnings },
];

/** Two controllers decide without regard to each other, and two speakers answer on each node. */
function secondInstallation({ otherInstallations, namespace }: Facts): readonly Found[] {
  if (otherInstallations.length === 0) return ok('Berth is installed once');
  return [
    {
      severity: 'error',
      what: `Berth is installed more than once: in namespace ${namespace}, and in ${few(otherInstallations)}; this report is about namespace ${namespace}`,
      todo: 'uninstall all but one: helm list -A shows the releases; --berth-namespace chooses the one to report on',
    },
  ];
}

function notReady({ pods, namespace }: Facts, role: string): readonly Found[] {
  const own = pods.filter((pod) => pod.role === role);
  if (own.length === 0) {
    const what = `there is no Pod of the ${role} in namespace ${namespace}`;
    const kind = role === 'controller' ? 'deployment' : 'daemonset';
    return [
      {
        severity: 'error',
        what,
        todo: `kubectl -n ${namespace} describe ${kind} shows why; helm list -A shows where Berth is installed`,
      },
    ];
  }
  const troubled = own.filter(({ ready }) => !ready);
  const found = troubled.map(
    ({ name, node, trouble }): Found => ({
      severity: role === 'controller' && troubled.length < own.length ? 'warn' : 'error',
      where: `pod ${namespace}/${name}${node === '' ? '' : ` on ${node}`}`,
      what: `is not ready${trouble === '' ? '' : `: ${trouble}`}`,
      todo: `kubectl -n ${namespace} describe pod ${name}; kubectl -n ${namespace} logs ${name}`,
    }),
  );
  return orOk(found, `all ${own.length} Pods of the ${role} are ready`);
}

function speakerMissing({ pods, nodes, nodesMissingSpeakers: missing }: Facts): readonly Found[] {
  const having = new Set(pods.filter(({ role }) => role === 'speaker').map(({ node }) => node));
  const others = nodes.map(({ name }) => name).filter((name) => !having.has(name) && !missing.includes(name));
  if (missing.length + others.length === 0) return ok('every node runs a speaker');
  const intended: Found = {
    severity: 'info',
    where: `nodes ${few(others)}`,
    what: 'the DaemonSet of the speakers does not select these nodes: they cannot hold addresses',
    todo: 'nothing, if this is intended: chart values speaker.nodeSelector, speaker.affinity and speaker.tolerations; a speaker needs Linux',
  };
  const what = 'no speaker runs on this node: it cannot hold addresses';
  const todo = 'see the Events of the DaemonSet: kubectl describe daemonset';
  return [
    ...missing.map((node): Found => ({ severity: 'warn', where: `node ${node}`, what, todo })),
    ...(others.length > 0 ? [intended] : []),
  ];
}

function speakerNotAsked({ speakers }: Facts): readonly Found[] {
  const silent = speakers.filter(({ fault }) => fault !== undefined);
  const found = silent.flatMap(({ node, fault }) =>
    unknown(`the speaker did not report its status: ${fault}`, `node ${node}`),
  );
  return orOk(found, `all ${speakers.length} speakers reported their status`);
}

function versionsMixed(facts: Facts): readonly Found[] {
  const images = [...new Set(facts.pods.map(({ image }) => image))].sort();
  const versions = [...new Set(answeringSpeakers(facts).map(({ status }) => status.version))].sort();
  if (images.length <= 1 && versions.length <= 1)
    return ok(`all Pods have the same version${versions[0] ? `: ${versions[0]}` : ''}`);
  const what =
    images.length > 1
      ? `different images run: ${few(images)}`
      : `the speakers have different versions: ${few(versions)}`;
  return [
    { severity: 'warn', what, todo: 'an upgrade is in progress, or has stopped half-way: see kubectl rollout status' },
  ];
}

const security = 'pod-security.kubernetes.io/';

/** The speaker uses the node's network and has NET_RAW: only the level `privileged` admits it. */
function podSecurity({ namespace, namespaceLabels, pods }: Facts): readonly Found[] {
  if ('why' in namespaceLabels) return unknown(namespaceLabels.why);
  const where = `namespace ${namespace}`;
  const todo = `kubectl label namespace ${namespace} --overwrite ${security}enforce=privileged`;
  const level = namespaceLabels.value[`${security}enforce`];
  if (level !== undefined && level !== 'privileged') {
    return [
      {
        severity: 'error',
        where,
        what: `Pod Security enforces ${level}: no speaker can start here; those that run cannot restart as new Pods`,
        todo,
      },
    ];
  }
  const soft = ['warn', 'audit'].filter(
    (mode) => (namespaceLabels.value[security + mode] ?? 'privileged') !== 'privileged',
  );
  if (soft.length > 0) {
    const levels = soft.map((mode) => `${mode}=${namespaceLabels.value[security + mode]}`).join(', ');
    return [
      {
        severity: 'warn',
        where,
        what: `Pod Security is set to ${levels}: every new Pod of a speaker causes a warning or an audit entry`,
        todo: todo.replace('enforce', soft[0] ?? ''),
      },
    ];
  }
  if (level === 'privileged' || pods.some(({ role, ready }) => role === 'speaker' && ready))
    return ok('Pod Security admits speakers');
  return unknown('the namespace has no Pod Security label, and the default of the cluster cannot be read', where);
}

/** The name of the chart's policy contains the name of the release. */
function admissionPolicyMissing({ boundPolicies }: Facts): readonly Found[] {
  if ('why' in boundPolicies) return unknown(boundPolicies.why);
  if (boundPolicies.value.some((name) => name.endsWith('-holders.berth.dev'))) {
    return ok('a speaker can write only its own node as the holder of an address');
  }
  const what =
    'no ValidatingAdmissionPolicy with a binding limits speakers to their own node: a stolen token could write any node as the holder';
  return [{ severity: 'warn', what, todo: 'helm upgrade creates it again' }];
}

function nodesExcluded({ nodes, pods }: Facts): readonly Found[] {
  const excluded = nodes.filter((node) => node.excluded).map(({ name }) => name);
  const speakers = new Set(pods.filter(({ role }) => role === 'speaker').map(({ node }) => node));
  const label = 'node.kubernetes.io/exclude-from-external-load-balancers';
  if (excluded.length === 0) return ok('no node is excluded from load balancing');
  if (!obeysExclusion(nodes, (name) => speakers.has(name))) {
    return [
      {
        severity: 'info',
        what: `Berth ignores the label ${label}, because no node without it could announce an address`,
        todo: `kubectl label nodes --all ${label}-`,
      },
    ];
  }
  return [
    {
      severity: 'info',
      where: `nodes ${few(excluded)}`,
      what: `excluded from load balancing by the label ${label}`,
      todo: 'nothing, if this is intended',
    },
  ];
}

/** Warnings about Pods that are ready now, or deleted, no longer matter. */
function warnings({ warnings: result, namespace, pods }: Facts): readonly Found[] {
  if ('why' in result) return unknown(result.why);
  const troubled = pods.filter(({ ready }) => !ready).map(({ name }) => `Pod ${name}`);
  const open = result.value.filter(({ object }) => !object.startsWith('Pod ') || troubled.includes(object));
  const found = open.slice(0, 5).map(
    ({ object, reason, message }): Found => ({
      severity: 'warn',
      where: object,
      what: `${reason}: ${message}`,
      todo: `kubectl -n ${namespace} get events`,
    }),
  );
  return orOk(found, `no Warning Event of the last hour in namespace ${namespace} that still matters`);
}
