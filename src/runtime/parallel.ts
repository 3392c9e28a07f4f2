/** Runs effects in parallel, up to a limit. */

/**
 * Calls `effect` for every item, with at most `limit` calls in parallel. Failures are collected, so a failure never stops the others. After
 * the signal aborts, no further call begins.
 */
export async function inParallel<T>(
  items: readonly T[],
  effect: (item: T) => Promise<void>,
  { limit, signal }: { readonly limit: number; readonly signal: AbortSignal },
): Promise<readonly { readonly item: T; readonly error: unknown }[]> {
  const failures: { item: T; error: unknown }[] = [];
  const queue = items.values();
  const worker = async () => {
    for (const item of queue) {
      if (signal.aborted) return;
      await effect(item).catch((error: unknown) => void failures.push({ item, error }));
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
  return failures;
}
