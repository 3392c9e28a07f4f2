/** What the command says at its end, however it ends: what runs now, and what can be done next. */
import type { Workload } from '../doctor/facts.ts';
import { titleOfWorkload } from './programs.ts';

/** How far a take-over has come; it is updated at each step. */
export interface Progress {
  /** The programs of MetalLB that were stopped and not started again. */
  stopped: readonly Workload[];
  /** Whether the first Service has been annotated. */
  hasBegun: boolean;
  /** The number of Services that Berth has taken over in this run. */
  taken: number;
  /** The number of Services to take over. */
  readonly total: number;
}

/** The state after a take-over that did not end as it should. */
export function interruptedWords({ stopped, hasBegun, taken, total }: Progress): string {
  const isStopped = (kind: Workload['kind']) => stopped.filter((one) => one.kind === kind).map(titleOfWorkload);
  const controllers = isStopped('Deployment');
  const speakers = isStopped('DaemonSet');
  const state = [
    controllers.length === 0
      ? "MetalLB's controller was not stopped by this run."
      : `MetalLB's controller is stopped (${controllers.join(', ')}): Services without an address get none from it.`,
    speakers.length === 0
      ? "MetalLB's speakers were not stopped by this run: if they run, they announce all addresses."
      : `MetalLB's speakers are stopped (${speakers.join(', ')}).`,
    hasBegun ? `Berth serves ${taken} of ${total} Services; the others were not changed.` : 'No Service was changed.',
  ];
  const next =
    controllers.length + speakers.length > 0 || hasBegun
      ? [
          'To continue, run the same command again: it begins where it stopped.',
          'To go back to MetalLB: kubectl berth migrate metallb --rollback',
        ]
      : [];
  return `${['The take-over is not complete.', ...state, ...next].join('\n  ')}\n`;
}

/** A trap of the time in which the CRDs of both programs exist. */
export const sharedNames = `The names of the kinds are the same in MetalLB and in Berth, and short names mean those of Berth.
  To look at MetalLB's objects, or to delete them, write the full names:
    kubectl get ipaddresspools.metallb.io,l2advertisements.metallb.io --all-namespaces
  NEVER "kubectl delete ipaddresspools" or "kubectl delete l2advertisements": this deletes the objects of Berth.
  With the chart value protectPools: true the API server refuses that.
`;

/** The state after a way back. */
export const rolledBackWords = `MetalLB runs again, and takes the addresses from the status of the Services.
  Berth runs too, and announces the same addresses until it is removed: helm uninstall berth --namespace berth-system
  Its pools and advertisements stay until then, and a Service that asks for nothing may get an address of either program.
`;
