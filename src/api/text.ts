/** Texts that fit the fields that Berth writes them to, whatever names and texts the cluster uses. */

/** The longest message of a condition of Berth's kinds, in characters. Kubernetes allows longer ones for its own kinds. */
const longestMessage = 1_024;

/** Shortens a text for a message: an annotation may be 256 KiB long. */
export function brief(text: string): string {
  return shortened(text, 100);
}

/** A list for a message, shortened if it is long. */
export function listed(names: readonly string[], most = 5): string {
  const shown = names.slice(0, most).map(brief).join(', ');
  return names.length <= most ? shown : `${shown} and ${names.length - most} more`;
}

/** Shortens the message of a condition, if it is too long for its field. */
export function withFittingMessage<T extends { readonly message: string }>(finding: T): T {
  const message = shortened(finding.message, longestMessage - 3);
  return message === finding.message ? finding : { ...finding, message };
}

/** The first characters of a text and three dots, or the text if it is not longer than that. */
function shortened(text: string, most: number): string {
  // The cut may separate the two halves of a character.
  return text.length <= most ? text : `${text.slice(0, most).toWellFormed()}...`;
}
