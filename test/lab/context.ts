/** The data that the parts of a lab share. */
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Binaries } from './binaries.ts';
import type { LabPlan } from './plan.ts';
import { isAlive, type ProcessRecord } from './processes.ts';
import type { Log } from './progress.ts';
import { run } from './run.ts';
import { stateDirOf } from './state.ts';

/** A lab's plan, its programs and its folders. */
export interface LabContext {
  readonly plan: LabPlan;
  readonly binaries: Binaries;
  readonly stateDir: string;
  /** Keys, certificates and kubeconfigs. */
  readonly pki: string;
  readonly log: Log;
}

/** Creates a context, and its folders. */
export function contextOf(plan: LabPlan, binaries: Binaries, log: Log): LabContext {
  const stateDir = stateDirOf(plan.id);
  const pki = join(stateDir, 'pki');
  mkdirSync(pki, { recursive: true });
  return { plan, binaries, stateDir, pki, log };
}

/** The folder with a link to each of the cluster's programs, for a PATH. */
export function programsFolder(context: LabContext): string {
  return join(context.stateDir, 'bin');
}

/** Creates the links in {@link programsFolder}. */
export function linkPrograms(context: LabContext): void {
  mkdirSync(programsFolder(context), { recursive: true });
  for (const [name, path] of Object.entries(context.binaries)) symlinkSync(path, join(programsFolder(context), name));
}

/** The folder of a host. */
export function hostFolder(context: LabContext, host: string): string {
  const folder = join(context.stateDir, host);
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** Throws, with the end of the process's log, if a process does not run. */
export async function mustBeAlive(record: ProcessRecord): Promise<void> {
  if (isAlive(record)) return;
  const logFile = record.logFile ?? '/dev/null';
  const tail = await run(['tail', '-n', '15', logFile]);
  throw new Error(`${record.name} on ${record.host} has ended; the end of ${logFile}:\n${tail.stdout}`);
}
