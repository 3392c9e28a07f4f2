/** The suites, in the order in which they run: quick ones first. */
import { globSync } from 'node:fs';

/** One suite. */
export interface Suite {
  readonly patterns: readonly string[];
  /** How many files run at a time. In the suite `cluster`, each lane has its own cluster. */
  readonly lanes: number;
  /** A module with `globalSetup` and `globalTeardown`. */
  readonly setup?: string;
  /** Whether `npm run test:quick` runs it. */
  readonly isQuick: boolean;
}

/** All suites of tests. Types, lint and format (`check`) run before them. */
export const suites: Readonly<Record<string, Suite>> = {
  unit: { patterns: ['test/*.test.ts', 'test/unit/**/*.test.ts'], lanes: 2, isQuick: true },
  sim: { patterns: ['test/sim/**/*.test.ts'], lanes: 2, isQuick: true },
  control: { patterns: ['test/control/**/*.test.ts'], lanes: 2, isQuick: true },
  net: {
    ...{ patterns: ['test/net/**/*.test.ts'], lanes: 2, isQuick: false },
    setup: 'test/net/global-setup.ts',
  },
  cluster: {
    ...{ patterns: ['test/cluster/**/*.test.ts'], lanes: 2, isQuick: false },
    setup: 'test/lab/global-setup.ts',
  },
};

/** A command that `npm run test:all` runs besides the suites. */
export interface RareCommand {
  readonly name: string;
  readonly argv: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

const node = process.execPath;

/** Commands that take too long to run for every change. */
export const rare: readonly RareCommand[] = [
  {
    ...{ name: '5,000 random clusters', argv: [node, '--test', 'test/sim/random.test.ts'] },
    env: { BERTH_SIM_RUNS: '5000' },
  },
  {
    ...{ name: '1,000,000 frames per property', argv: [node, '--test', 'test/unit/wire/*.test.ts'] },
    env: { BERTH_FUZZ_RUNS: '1000000' },
  },
  {
    name: 'faults of the control plane',
    argv: [node, '--test', '--test-concurrency=1', '--test-timeout=300000', 'test/disaster/*.test.ts'],
  },
  { name: 'mutations', argv: [node, 'scripts/mutate.ts'] },
  { name: "Kubernetes' own tests", argv: [node, 'test/conformance/conformance.ts'] },
  { name: 'tests in a guest', argv: [node, 'test/guest/guest.ts'] },
];

/** The files of a suite. */
export function filesOf({ patterns }: Suite): readonly string[] {
  return [...new Set(patterns.flatMap((pattern) => globSync(pattern)))].sort();
}
