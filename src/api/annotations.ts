/** Annotations that Berth reads from Services, under its own prefix and under those of charts written for MetalLB. */

/** In order of precedence. */
const prefixes = ['berth.dev/', 'metallb.io/', 'metallb.universe.tf/'] as const;

/** An annotation's value, from the first prefix that has it. */
export function annotation(annotations: Readonly<Record<string, string>>, name: string): string | undefined {
  for (const prefix of prefixes) {
    const value = annotations[prefix + name];
    if (value !== undefined) return value;
  }
  return undefined;
}
