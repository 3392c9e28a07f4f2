/** The cluster of a lane. The files of the lane use it one after another. */
import { laneVariable, numberIn } from '../runner/variables.ts';
import { type Lab, openLab } from './cluster.ts';

/** The id of a lane's lab. BERTH_LAB is the id of the first lane's lab. */
export function idOfLane(lane: number): string {
  const first = process.env.BERTH_LAB ?? 'test';
  return lane === 1 ? first : `${first}${lane}`;
}

/** The id of this file's lab. */
export function sharedId(): string {
  return idOfLane(numberIn(laneVariable));
}

/** This file's lab, which the setup of the run has started. */
export function sharedLab(): Lab {
  return openLab(sharedId());
}
