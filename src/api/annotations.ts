/** Annotations that Berth reads from Services, with its own prefix and with the prefixes of charts written for MetalLB. */

/** In order of precedence. */
const prefixes = ['berth.dev/', 'metallb.io/', 'metallb.universe.tf/'] as const;

/** The value of an annotation, from the first prefix with which it is set. */
export function annotation(annotations: Readonly<Record<string, string>>, name: string): string | undefined {
  for (const prefix of prefixes) {
    const value = annotations[prefix + name];
    if (value !== undefined) return value;
  }
  return undefined;
}
