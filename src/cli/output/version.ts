/** The version of the tool. */

/** Set by the build; undefined when the sources run directly. */
declare const berthVersion: string | undefined;

/** The version in package.json. */
export const version: string = typeof berthVersion === 'string' ? berthVersion : 'from source';
