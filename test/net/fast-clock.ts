/** Fixture: the clock of this process runs faster than that of the kernel, so that what is done every few seconds is done at once. */

/** How many times as fast. */
export const speed = 10;

/** Makes it so, for all timers and for `performance.now()`; to be called before any of them is used. */
export function quicken(): void {
  const now = performance.now.bind(performance);
  performance.now = () => now() * speed;
  globalThis.setTimeout = hurried(globalThis.setTimeout);
  globalThis.setInterval = hurried(globalThis.setInterval);
}

function hurried<T extends typeof setTimeout | typeof setInterval>(timer: T): T {
  return new Proxy(timer, {
    apply: (plain, _, [callback, ms = 0, ...rest]) => plain(callback, ms / speed, ...rest),
  });
}
