/** Declares the tests of the promises: a suite for each column, a test for each row. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import type { Lab } from '../../lab/cluster.ts';
import { cleanUp } from '../berth.ts';
import { advertisementOf, type Column, columnName } from './column.ts';
import { sharedDeployments } from './manifests.ts';
import type { Row } from './row.ts';
import { suitePrefix } from './suites.ts';
import { rows } from './table.ts';
import { label, removeAll, World } from './world.ts';

/** How many rows run at once. Rows do not disturb each other, and wait most of the time. */
const concurrency = 6;

/** How the tests get their cluster. */
export interface Cluster {
  /** Returns the cluster, with Berth in it. */
  readonly up: () => Promise<Lab>;
  /** Called at the end, also after a failure. */
  readonly down: () => Promise<void>;
}

/** Tests all promises in these columns of a cluster. */
export function keepPromises(columns: readonly Column[], { up, down }: Cluster): void {
  let running: Lab | undefined;
  const lab = () => running ?? assert.fail('there is no cluster');
  before(async () => {
    running = await up();
    await makeShared(running);
  });
  after(async () => {
    try {
      if (running !== undefined) await removeAll(running);
    } finally {
      await down();
    }
  });
  for (const column of columns) keepInColumn(column, lab);
}

async function makeShared(lab: Lab): Promise<void> {
  const items = sharedDeployments.map((object) => ({
    ...object,
    metadata: { ...object.metadata, labels: { [label]: 'shared' } },
  }));
  await lab.apply(JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
  for (const { metadata } of sharedDeployments) {
    await lab.rolledOut(`deployment/${metadata.name}`);
  }
}

function keepInColumn(column: Column, lab: () => Lab): void {
  suite(`${suitePrefix}${columnName(column)}`, { concurrency }, () => {
    before(() => lab().apply(poolOf(lab(), column)));
    after(() => cleanUp(lab()));
    for (const row of [...rows].sort((a, b) => Number(b.isLong ?? false) - Number(a.isLong ?? false))) {
      test(row.name, { skip: row.cannot?.(column) ?? false }, () => keep(row, column, lab()));
    }
  });
}

async function keep(row: Row, column: Column, lab: Lab): Promise<void> {
  const world = new World(lab, column, row.name);
  try {
    await row.run(world);
  } finally {
    await world.end();
  }
}

function poolOf({ subnet }: Lab, column: Column): string {
  const apiVersion = 'berth.dev/v1beta1';
  const metadata = { name: 'promises' };
  const pool = { apiVersion, kind: 'IPAddressPool', metadata, spec: { addresses: [subnet.vips, subnet.vipsIpv6] } };
  const spec = { ipAddressPools: [metadata.name], ...advertisementOf(column) };
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'List',
    items: [pool, { apiVersion, kind: 'L2Advertisement', metadata, spec }],
  });
}
