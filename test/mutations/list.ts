/** All mutations, by the part of the program that they change. */
import { allocation } from './allocation.ts';
import { announcing } from './announcing.ts';
import { cli } from './cli.ts';
import { controller } from './controller.ts';
import { dataPath } from './data-path.ts';
import { election } from './election.ts';
import { liveness } from './liveness.ts';
import type { Mutation } from './mutation.ts';
import { speaker } from './speaker.ts';
import { views } from './views.ts';
import { wire } from './wire.ts';

/** Each area and its mutations. */
export const mutations: Readonly<Record<string, readonly Mutation[]>> = {
  allocation,
  election,
  announcing,
  liveness,
  speaker,
  'data-path': dataPath,
  controller,
  wire,
  cli,
  views,
};
