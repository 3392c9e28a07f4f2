/**
 * Prints the notes of a release (`node scripts/release-notes.ts v0.2.0`): the section of its version in CHANGELOG.md. Fails if the tag
 * differs from the version of the sources, so that nothing is published under a wrong name.
 */
import { readFileSync } from 'node:fs';
import { versionSection } from './changelog.ts';

process.chdir(new URL('..', import.meta.url).pathname);
const [tag = ''] = process.argv.slice(2);
const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { readonly version: string };
if (tag !== `v${version}`) {
  console.error(`the tag is ${tag || 'missing'}, and package.json has version ${version}: expected v${version}`);
  process.exit(1);
}
console.log(versionSection(readFileSync('CHANGELOG.md', 'utf8'), version).notes);
