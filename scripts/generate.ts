/** Writes the generated files (`npm run generate`). A test fails if one of them is out of date. */
import { readFileSync, writeFileSync } from 'node:fs';
import { generatedFiles } from './generated.ts';

process.chdir(new URL('..', import.meta.url).pathname);
for (const [file, text] of generatedFiles()) {
  if (readOrEmpty(file) === text) continue;
  writeFileSync(file, text);
  console.log(`wrote ${file}`);
}

function readOrEmpty(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
