/** All commands, in the order in which `--help` shows them. */
import type { CommandSpec } from './command.ts';
import { doctorCommand } from './doctor.ts';
import { migrateCommand } from './migrate.ts';
import { statusCommand } from './status.ts';

/** The commands that ask or change a cluster. */
export const commands: readonly CommandSpec[] = [statusCommand, doctorCommand, migrateCommand];
