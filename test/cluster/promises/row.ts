/** One promise of Kubernetes' Services documentation: a row of the matrix. */
import type { Column } from './column.ts';
import type { World } from './world.ts';

/** A row of the matrix, and of docs/services.md. */
export interface Row {
  /** The test's name: of letters, digits, spaces and hyphens, as the row's objects are named after it. */
  readonly name: string;
  /** What Kubernetes promises. */
  readonly promise: string;
  /** Why it cannot be kept in a column; undefined where it can. */
  readonly cannot?: (column: Column) => string | undefined;
  /** It takes much longer than most, and so begins before them: the others run beside it. */
  readonly isLong?: true;
  /** Throws where it is not kept. */
  readonly run: (world: World) => Promise<void>;
}
