#!/usr/bin/env node
/** The command line tool: `kubectl-berth`, which kubectl runs as `kubectl berth`. */
import { createInterface } from 'node:readline/promises';
import type { Terminal } from './cli/cluster/session.ts';
import { colorsFor } from './cli/output/colors.ts';
import { runProgram } from './cli/program.ts';

const interrupted = new AbortController();
process.once('SIGINT', () => interrupted.abort());
process.once('SIGTERM', () => interrupted.abort());
// A reader that closes the pipe early (head, less) is not an error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
});

function terminal(wantsColor: boolean): Terminal {
  const noColor = !wantsColor || (process.env.NO_COLOR ?? '') !== '';
  return {
    out: (text) => void process.stdout.write(text),
    note: (text) => void process.stderr.write(text),
    confirm,
    colors: colorsFor(process.stdout.isTTY === true, { noColor }),
  };
}

async function confirm(question: string): Promise<boolean> {
  if (process.stdin.isTTY !== true) return false;
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await lines.question(`${question} [y/N] `, { signal: interrupted.signal });
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    lines.close();
  }
}

void runProgram({ argv: process.argv.slice(2), terminal, signal: interrupted.signal }).then((exit) => {
  // Wait for the output, but not for a connection that is still being opened to a node that does not answer.
  process.stdout.write('', () => process.stderr.write('', () => process.exit(exit)));
});
