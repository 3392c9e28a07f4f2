/** All commands, in the order in which `--help` shows them. */
import type { CommandSpec } from './command.ts';
import { doctorCommand } from './doctor.ts';
import { explainCommand } from './explain.ts';
import { migrateCommand } from './migrate.ts';
import { moveCommand } from './move.ts';
import { drainCommand, undrainCommand } from './node-drain.ts';
import { planCommand } from './plan.ts';
import { poolsCommand } from './pools.ts';
import { renumberCommand } from './renumber.ts';
import { simulateCommand } from './simulate.ts';
import { statusCommand } from './status.ts';
import { vipsCommand } from './vips.ts';
import { whoHasCommand } from './who-has.ts';

/** The commands that ask or change a cluster. */
export const commands: readonly CommandSpec[] = [
  statusCommand,
  poolsCommand,
  vipsCommand,
  explainCommand,
  whoHasCommand,
  planCommand,
  simulateCommand,
  drainCommand,
  undrainCommand,
  moveCommand,
  renumberCommand,
  doctorCommand,
  migrateCommand,
];
