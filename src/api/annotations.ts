/** Annotations that Berth reads from Services, with its own prefix and with the prefixes of charts written for MetalLB. */

/** In order of precedence. */
const prefixes = ['berth.dev/', 'metallb.io/', 'metallb.universe.tf/'] as const;

/** The value of an annotation, from the first prefix with which it is set, without spaces and line ends around it. */
export function annotation(annotations: Readonly<Record<string, string>>, name: string): string | undefined {
  for (const prefix of prefixes) {
    const value = annotations[prefix + name];
    if (value !== undefined) return value.trim();
  }
  return undefined;
}

const flags: ReadonlyMap<string, boolean> = new Map([
  ...['true', 't', 'yes', 'y', 'on', '1', 'enabled'].map((text) => [text, true] as const),
  ...['false', 'f', 'no', 'n', 'off', '0', 'disabled'].map((text) => [text, false] as const),
]);

/** A value that means yes or no, in any of the usual spellings; undefined if it means neither. */
export function parseFlag(text: string): boolean | undefined {
  return flags.get(text.trim().toLowerCase());
}

/** Is an annotation set whose presence is enough? A value that means no does not set it. */
export function isSet(annotations: Readonly<Record<string, string>> | undefined, name: string): boolean {
  const value = annotations?.[name];
  return value !== undefined && parseFlag(value) !== false;
}
