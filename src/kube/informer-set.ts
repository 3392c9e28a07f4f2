/** The state of all informers of a process together. */

/** What the set needs of an informer. */
interface InformerState {
  readonly synced: boolean;
  readonly known: boolean;
  fault(): string | undefined;
}

/** Informers by name. */
type InformerSet<T> = Readonly<Record<keyof T, InformerState>>;

/** Have all informers read their first list? Before that an object may exist without being known. */
export function isSynced<T extends InformerSet<T>>(informers: T): boolean {
  return Object.values<InformerState>(informers).every(({ synced }) => synced);
}

/** Does every informer have data: its first list or, until that is read, the data of a snapshot? */
export function isKnown<T extends InformerSet<T>>(informers: T): boolean {
  return Object.values<InformerState>(informers).every(({ known }) => known);
}

/** The fault of the first informer that is stuck; undefined while none is. */
export function faultOf<T extends InformerSet<T>>(informers: T): string | undefined {
  return Object.values<InformerState>(informers)
    .map((informer) => informer.fault())
    .find((fault) => fault !== undefined);
}
