/** The events that can happen to the holder of a VIP. Each describes how the event is made, and how it is undone. */
import { setTimeout as delay } from 'node:timers/promises';
import { namespace, rolledOut } from '../cluster/berth.ts';
import { renewSpeakers, signalSpeaker } from '../cluster/speaker-process.ts';
import type { Lab, LabHost } from '../lab/cluster.ts';
import type { Prober } from '../probe/prober.ts';

/** Where an event happens. */
export interface Scene {
  readonly lab: Lab;
  readonly prober: Prober;
  /** The node that holds the VIP before the event. */
  readonly holder: LabHost;
  /** A node that does not hold it. */
  readonly other: LabHost;
  /** The name of a Deployment whose Pods serve next to the other backends. */
  readonly second: string;
  readonly starveMinutes: number;
}

/** An event. */
export interface FailoverEvent {
  readonly name: string;
  /** The label in the table. */
  readonly what: string;
  /** Whether the VIP must move, or must not. */
  readonly moves: boolean;
  /** Whether no attempt may fail or be slow. */
  readonly harmless?: boolean;
  /** Whether the event happens only once, with any number of runs. */
  readonly once?: boolean;
  /** How long the prober continues after the event was made. */
  readonly watchMs: number;
  /** The node that no packet reaches any more. Connections through it or to it are lost. */
  readonly loses?: 'holder' | 'other';
  /** Whether Pods of the Service end. */
  readonly endsPods?: boolean;
  /** Prepares what the event needs. */
  readonly prepare?: (scene: Scene) => Promise<void>;
  readonly make: (scene: Scene) => Promise<void>;
  readonly mend?: (scene: Scene) => Promise<void>;
}

/** A cut that ends before Kubernetes notices it. */
const shortCutMs = 3_000;
const drain = 'berth.dev/drain';

/** All events, in the order of measurement. */
export const failoverEvents: readonly FailoverEvent[] = [
  { name: 'peace', what: 'nothing happens', moves: false, harmless: true, once: true, watchMs: 30_000, make: nothing },
  {
    name: 'cut',
    what: "the holder's link is cut",
    moves: true,
    loses: 'holder',
    watchMs: 60_000,
    make: ({ lab, holder }) => lab.cutLink(holder),
    mend: ({ lab, holder }) => plugIn(lab, holder),
  },
  {
    name: 'return',
    what: 'the link is back',
    moves: false,
    harmless: true,
    watchMs: 8_000,
    prepare: async ({ lab, holder }) => {
      await lab.cutLink(holder);
      await delay(shortCutMs);
    },
    make: ({ lab, holder }) => lab.restoreLink(holder),
    mend: ({ lab, holder }) => plugIn(lab, holder),
  },
  {
    name: 'kill',
    what: 'SIGKILL of its speaker',
    moves: true,
    watchMs: 8_000,
    make: ({ holder }) => signalSpeaker(holder, 'KILL'),
    mend: ({ lab }) => renewSpeakers(lab),
  },
  {
    name: 'term',
    what: 'SIGTERM of its speaker',
    moves: false,
    harmless: true,
    watchMs: 8_000,
    make: ({ holder }) => signalSpeaker(holder, 'TERM'),
    mend: ({ lab }) => renewSpeakers(lab),
  },
  {
    name: 'rollout',
    what: 'rolling restart of the speakers',
    moves: false,
    harmless: true,
    watchMs: 5_000,
    make: async ({ lab }) => {
      await lab.kubectl(['-n', namespace, 'rollout', 'restart', 'daemonset/berth-speaker']);
      await rolledOut(lab);
    },
  },
  {
    name: 'drain',
    what: 'its node is drained',
    moves: true,
    harmless: true,
    watchMs: 5_000,
    make: ({ lab, holder }) => annotate(lab, holder, `${drain}=true`),
    mend: ({ lab, holder }) => annotate(lab, holder, `${drain}-`),
  },
  {
    name: 'undrain',
    what: 'end of the drain',
    moves: false,
    harmless: true,
    watchMs: 5_000,
    prepare: async ({ lab, holder }) => {
      await annotate(lab, holder, `${drain}=true`);
      await delay(shortCutMs);
    },
    make: ({ lab, holder }) => annotate(lab, holder, `${drain}-`),
    mend: ({ lab, holder }) => annotate(lab, holder, `${drain}-`),
  },
  {
    name: 'api',
    what: 'its link is cut, no API server',
    moves: true,
    loses: 'holder',
    watchMs: 10_000,
    prepare: ({ lab }) => lab.stopApiServer(),
    make: ({ lab, holder }) => lab.cutLink(holder),
    mend: async (scene) => {
      await scene.lab.restoreLink(scene.holder);
      await scene.lab.startApiServer();
      await plugIn(scene.lab, scene.holder);
    },
  },
  {
    name: 'leave',
    what: 'another node is drained',
    moves: false,
    harmless: true,
    watchMs: 8_000,
    make: ({ lab, other }) => annotate(lab, other, `${drain}=true`),
    mend: ({ lab, other }) => annotate(lab, other, `${drain}-`),
  },
  {
    name: 'join',
    what: "another node's drain is over",
    moves: false,
    harmless: true,
    watchMs: 8_000,
    prepare: async ({ lab, other }) => {
      await annotate(lab, other, `${drain}=true`);
      await delay(shortCutMs);
    },
    make: ({ lab, other }) => annotate(lab, other, `${drain}-`),
    mend: ({ lab, other }) => annotate(lab, other, `${drain}-`),
  },
  {
    name: 'cut-other',
    what: "another node's link is cut",
    moves: false,
    loses: 'other',
    watchMs: 20_000,
    make: ({ lab, other }) => lab.cutLink(other),
    mend: ({ lab, other }) => plugIn(lab, other),
  },
  {
    name: 'return-other',
    what: 'that link is back',
    moves: false,
    harmless: true,
    // The node serves again after ten seconds.
    watchMs: 15_000,
    prepare: async ({ lab, other }) => {
      await lab.cutLink(other);
      await delay(shortCutMs);
    },
    make: ({ lab, other }) => lab.restoreLink(other),
    mend: ({ lab, other }) => plugIn(lab, other),
  },
  {
    name: 'roll-pods',
    what: 'rolling restart of a Deployment behind it',
    moves: false,
    harmless: true,
    endsPods: true,
    watchMs: 5_000,
    make: async ({ lab, second }) => {
      await lab.kubectl(['rollout', 'restart', `deployment/${second}`]);
      await lab.kubectl(['rollout', 'status', `deployment/${second}`, '--timeout=120s']);
    },
  },
  { name: 'starve', what: 'all CPUs are busy', moves: false, once: true, watchMs: 3_000, make: starve },
];

async function nothing(): Promise<void> {}

/** Plugs the link in and waits until Kubernetes sees the node again, and all of its Pods. */
async function plugIn(lab: Lab, node: LabHost): Promise<void> {
  await lab.restoreLink(node);
  await lab.kubectl(['wait', '--for=condition=Ready', `node/${node.name}`, '--timeout=120s']);
  await rolledOut(lab);
}

async function annotate(lab: Lab, node: LabHost, annotation: string): Promise<void> {
  await lab.kubectl(['annotate', 'node', node.name, '--overwrite', annotation]);
}

/** Runs one busy loop for each core of the machine on every node, for some minutes, at normal priority. */
async function starve({ lab, starveMinutes }: Scene): Promise<void> {
  const loops = 'for core in $(seq $(nproc)); do (while :; do :; done) & done; wait';
  const seconds = String(starveMinutes * 60);
  // timeout(1) ends its whole process group.
  const busy = lab.nodes.map((node) => node.spawn(['timeout', seconds, 'sh', '-c', loops], { stdio: 'ignore' }));
  await Promise.all(busy.map((child) => new Promise((resolve) => child.once('exit', resolve))));
}
