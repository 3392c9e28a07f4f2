/** The cluster that the files of a lane share, one after the other. */
import { laneVariable, numberIn } from '../runner/variables.ts';
import { type Lab, openLab } from './cluster.ts';

/** The id of a lane's lab. BERTH_LAB names the first one. */
export function idOfLane(lane: number): string {
  const first = process.env.BERTH_LAB ?? 'test';
  return lane === 1 ? first : `${first}${lane}`;
}

/** The id of this file's lab. */
export function sharedId(): string {
  return idOfLane(numberIn(laneVariable));
}

/** This file's lab, which the set-up of the run has brought up. */
export function sharedLab(): Lab {
  return openLab(sharedId());
}
