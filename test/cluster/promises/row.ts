/** One promise of Kubernetes' Services documentation: a row of the matrix. */
import type { Column } from './column.ts';
import type { World } from './world.ts';

/** A row of the matrix, and of docs/services.md. */
export interface Row {
  /** The test's name: only letters, digits, spaces and hyphens, because the row's objects are named after it. */
  readonly name: string;
  /** What Kubernetes promises. */
  readonly promise: string;
  /** Why the promise cannot be kept in a column; undefined if it can. */
  readonly cannot?: (column: Column) => string | undefined;
  /** The row takes much longer than most, so it starts before them and runs beside them. */
  readonly isLong?: true;
  /** Throws if the promise is not kept. */
  readonly run: (world: World) => Promise<void>;
}
