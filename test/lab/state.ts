/**
 * The files of a lab on disk while it exists. They have everything that `down` needs, also after the process that
 * started the lab has been killed.
 */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Binaries } from './binaries.ts';
import { type LabPlan, type LabShape, planLab, slots } from './plan.ts';
import { type ProcessRecord, startTimeOf } from './processes.ts';

const root = '/var/lib/berth-lab';
const slotsFolder = join(root, '.slots');

/** The phases of a lab. A lab that is `starting` belongs to the process that starts it. */
export type LabPhase = 'starting' | 'running' | 'stopping';

/** The lab's main record. */
export interface LabState extends LabShape {
  readonly phase: LabPhase;
  readonly binaries: Binaries;
  /** The process that starts the lab. */
  readonly owner: ProcessRecord;
  /** The boot of the machine in which the lab was started. After a reboot the recorded pids are not valid. */
  readonly bootId: string;
}

/** The folder with all files of a lab. */
export function stateDirOf(id: string): string {
  return join(root, id);
}

/** The ids of the labs that exist, also of incomplete ones. */
export function listLabs(): readonly string[] {
  if (!existsSync(root)) return [];
  return readdirSync(root).filter((name) => !name.startsWith('.'));
}

/** Reads a lab's record. Undefined if there is no record, or if it cannot be read. */
export function readState(id: string): LabState | undefined {
  try {
    return JSON.parse(readFileSync(join(stateDirOf(id), 'lab.json'), 'utf8')) as LabState;
  } catch {
    return undefined;
  }
}

/** The plan of the lab of a record. */
export function planOf({ id, slot, nodes, proxyMode, dualStackNodes }: LabState): LabPlan {
  return planLab({ id, slot, nodes, proxyMode, dualStackNodes });
}

/** Creates the record of a new lab, and claims a slot for it. */
export function createState(options: Omit<LabShape, 'slot'> & Pick<LabState, 'binaries'>): LabState {
  mkdirSync(stateDirOf(options.id), { recursive: true });
  const owner = { name: 'up', host: '', pid: process.pid, startTime: startTimeOf(process.pid) ?? '0' };
  const state: LabState = { ...options, slot: claimSlot(options.id), phase: 'starting', owner, bootId: bootId() };
  writeState(state);
  return state;
}

/** Replaces a lab's record. */
export function writeState(state: LabState): void {
  writeWhole(join(stateDirOf(state.id), 'lab.json'), state);
}

/** The id of the machine's present boot. */
export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

/** Adds a process to the lab's records. Each process has its own file, so that two programs can record at the same time. */
export function recordProcess(id: string, record: ProcessRecord): void {
  mkdirSync(processesFolder(id), { recursive: true });
  writeWhole(processFile(id, record), record);
}

/** Removes the record of a process that has ended. */
export function forgetProcess(id: string, record: ProcessRecord): void {
  rmSync(processFile(id, record), { force: true });
}

/** The recorded processes of one host or of all hosts. None if the machine was booted after they were recorded. */
export function readProcesses(id: string, host?: string): readonly ProcessRecord[] {
  if (readState(id)?.bootId !== bootId() || !existsSync(processesFolder(id))) return [];
  const files = readdirSync(processesFolder(id)).filter((name) => name.endsWith('.json'));
  const records = files.flatMap((name) => {
    try {
      return [JSON.parse(readFileSync(join(processesFolder(id), name), 'utf8')) as ProcessRecord];
    } catch {
      // Another process has just removed the record.
      return [];
    }
  });
  return host === undefined ? records : records.filter((record) => record.host === host);
}

/** Removes all files of a lab. */
export function removeState(id: string): void {
  rmSync(stateDirOf(id), { recursive: true, force: true, maxRetries: 5 });
  for (const name of existsSync(slotsFolder) ? readdirSync(slotsFolder) : []) {
    const file = join(slotsFolder, name);
    if (slotHolder(file) === id) rmSync(file, { force: true });
  }
  for (const folder of [slotsFolder, root]) {
    try {
      rmdirSync(folder);
    } catch {
      // Another lab is there.
    }
  }
}

/** The id of the lab that has a slot; undefined if the slot was released just now. */
function slotHolder(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

function processesFolder(id: string): string {
  return join(stateDirOf(id), 'processes');
}

function processFile(id: string, record: ProcessRecord): string {
  return join(processesFolder(id), `${record.host}-${record.name}-${record.pid}.json`);
}

/** Claims the lowest number that no lab has. Creating the file is the claim: it fails if the file exists. */
function claimSlot(id: string): number {
  for (let slot = 0; slot < slots; ) {
    // In every round, because the end of another lab may just have removed the empty folder.
    mkdirSync(slotsFolder, { recursive: true });
    try {
      writeFileSync(join(slotsFolder, String(slot)), id, { flag: 'wx' });
      return slot;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EEXIST') slot += 1;
      else if (code !== 'ENOENT') throw error;
    }
  }
  throw new Error(`all ${slots} slots are taken: take a lab down first (${root})`);
}

/** Writes a file in such a way that a reader never sees an incomplete one. */
function writeWhole(path: string, content: unknown): void {
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, `${JSON.stringify(content, undefined, 2)}\n`);
  renameSync(temporary, path);
}
