/** What may happen to the holder of a VIP. Each event says how it is made, and how all becomes as it was. */
import { setTimeout as delay } from 'node:timers/promises';
import { namespace, rolledOut } from '../cluster/berth.ts';
import { renewSpeakers, signalSpeaker } from '../cluster/speaker-process.ts';
import type { Lab, LabHost } from '../lab/cluster.ts';
import type { Prober } from '../probe/prober.ts';

/** Where events happen. */
export interface Scene {
  readonly lab: Lab;
  readonly prober: Prober;
  /** Who holds the VIP before the event. */
  readonly holder: LabHost;
  readonly starveMinutes: number;
}

/** An event. */
export interface FailoverEvent {
  readonly name: string;
  /** For the table. */
  readonly what: string;
  /** Whether the VIP has to move, or must not. */
  readonly moves: boolean;
  /** Not a single attempt may fail or be slow. */
  readonly harmless?: boolean;
  /** Happens once, however many runs there are. */
  readonly once?: boolean;
  /** So long it is watched after it has been made. */
  readonly watchMs: number;
  /** What has to be so before it. */
  readonly prepare?: (scene: Scene) => Promise<void>;
  readonly make: (scene: Scene) => Promise<void>;
  readonly mend?: (scene: Scene) => Promise<void>;
}

/** A cut that ends before Kubernetes takes notice. */
const shortCutMs = 3_000;
const drain = 'berth.dev/drain';

/** All events, in the order in which they are measured. */
export const failoverEvents: readonly FailoverEvent[] = [
  { name: 'peace', what: 'nothing happens', moves: false, harmless: true, once: true, watchMs: 30_000, make: nothing },
  {
    name: 'cut',
    what: "the holder's link is cut",
    moves: true,
    watchMs: 60_000,
    make: ({ lab, holder }) => lab.cutLink(holder),
    mend: plugIn,
  },
  {
    name: 'return',
    what: 'the link is there again',
    moves: false,
    harmless: true,
    watchMs: 8_000,
    prepare: async ({ lab, holder }) => {
      await lab.cutLink(holder);
      await delay(shortCutMs);
    },
    make: ({ lab, holder }) => lab.restoreLink(holder),
    mend: plugIn,
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
    make: (scene) => annotate(scene, `${drain}=true`),
    mend: undrain,
  },
  {
    name: 'undrain',
    what: 'the drain is over',
    moves: false,
    harmless: true,
    watchMs: 5_000,
    prepare: async (scene) => {
      await annotate(scene, `${drain}=true`);
      await delay(shortCutMs);
    },
    make: undrain,
    mend: undrain,
  },
  {
    name: 'api',
    what: 'its link is cut, no API server',
    moves: true,
    watchMs: 10_000,
    prepare: ({ lab }) => lab.stopApiServer(),
    make: ({ lab, holder }) => lab.cutLink(holder),
    mend: async (scene) => {
      await scene.lab.restoreLink(scene.holder);
      await scene.lab.startApiServer();
      await plugIn(scene);
    },
  },
  { name: 'starve', what: 'all CPUs are busy', moves: false, once: true, watchMs: 3_000, make: starve },
];

async function nothing(): Promise<void> {}

/** Plugs the link in and waits until Kubernetes sees the node again, and all of its Pods. */
async function plugIn({ lab, holder }: Scene): Promise<void> {
  await lab.restoreLink(holder);
  await lab.kubectl(['wait', '--for=condition=Ready', `node/${holder.name}`, '--timeout=120s']);
  await rolledOut(lab);
}

async function annotate({ lab, holder }: Scene, annotation: string): Promise<void> {
  await lab.kubectl(['annotate', 'node', holder.name, '--overwrite', annotation]);
}

async function undrain(scene: Scene): Promise<void> {
  await annotate(scene, `${drain}-`);
}

/** As many loops on every node as the machine has cores, for some minutes, at the priority that processes have. */
async function starve({ lab, starveMinutes }: Scene): Promise<void> {
  const loops = 'for core in $(seq $(nproc)); do (while :; do :; done) & done; wait';
  const seconds = String(starveMinutes * 60);
  // timeout(1) ends its whole process group.
  const busy = lab.nodes.map((node) => node.spawn(['timeout', seconds, 'sh', '-c', loops], { stdio: 'ignore' }));
  await Promise.all(busy.map((child) => new Promise((resolve) => child.once('exit', resolve))));
}
