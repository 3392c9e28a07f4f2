/** CHANGELOG.md by version: the notes of a release, and the changes that the chart names. */

/** One entry of a section. */
export interface Change {
  /** The heading above it, in lower case: `added`, `changed`, `deprecated`, `removed`, `fixed` or `security`. */
  readonly kind: string;
  /** The entry on one line, as Markdown. */
  readonly text: string;
}

/** The section of one version. */
export interface VersionSection {
  /** YYYY-MM-DD. */
  readonly date: string;
  /** The text below the heading, unchanged. */
  readonly notes: string;
  readonly changes: readonly Change[];
}

/** Returns the section of a version. Throws if there is none, or if it has no date or no entry. */
export function versionSection(changelog: string, version: string): VersionSection {
  const [heading, ...lines] = changelog
    .split(/^(?=## )/m)
    .filter((part) => part.startsWith(`## [${version}]`))
    .flatMap((part) => part.split('\n'));
  const date = /^## \[.+\] - (\d{4}-\d{2}-\d{2})$/.exec(heading ?? '')?.[1];
  if (date === undefined) throw new Error(`CHANGELOG.md has no heading "## [${version}] - YYYY-MM-DD"`);
  const notes = lines.join('\n').trim();
  const changes = changesOf(notes);
  if (changes.length === 0) throw new Error(`CHANGELOG.md says nothing about ${version}`);
  return { date, notes, changes };
}

function changesOf(notes: string): readonly Change[] {
  return notes.split(/^### /m).flatMap((part) => {
    const [kind = '', ...rest] = part.split('\n');
    const entries = rest.join('\n').split(/^- /m).slice(1);
    // An empty line ends an entry. The heading of the next group follows it.
    const texts = entries.map((entry) => (entry.split('\n\n')[0] ?? '').trim().replaceAll(/\s+/g, ' '));
    return texts.map((text) => ({ kind: kind.trim().toLowerCase(), text }));
  });
}

/** Returns the first sentence of an entry, as plain text without a full stop. */
export function summaryOf({ text }: Change): string {
  // The dots in `0.5 s` or `docs/cli.md` do not end a sentence.
  const [first = ''] = text.split(/\.(?:\s+(?=[A-Z`[])|$)/);
  return first.replaceAll(/\[([^\]]+)\]\([^)]*\)/g, '$1').replaceAll(/[`*]/g, '');
}
