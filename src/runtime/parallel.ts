/** Many effects at once, within a bound. */

/**
 * Calls `effect` for every item, at most `limit` at a time. Failures are collected, so that one never stops the others. Begins nothing
 * more once the signal aborts.
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
