/** The version of the tool. */

/** The build sets it; there is none where the sources run as they are. */
declare const berthVersion: string | undefined;

/** As in package.json. */
export const version: string = typeof berthVersion === 'string' ? berthVersion : 'from source';
