/** All commands, in the order in which `--help` shows them. */
import type { CommandSpec } from './command.ts';
import { moveCommand } from './commands/move.ts';
import { drainCommand, undrainCommand } from './commands/node-drain.ts';
import { planCommand } from './commands/plan.ts';
import { poolsCommand } from './commands/pools.ts';
import { renumberCommand } from './commands/renumber.ts';
import { simulateCommand } from './commands/simulate.ts';
import { statusCommand } from './commands/status.ts';
import { vipsCommand } from './commands/vips.ts';
import { whoHasCommand } from './commands/who-has.ts';
import { doctorCommand } from './doctor/command.ts';
import { explainCommand } from './explain/command.ts';
import { migrateCommand } from './migrate/command.ts';

/** The commands that read or change a cluster. */
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
