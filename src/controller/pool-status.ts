/** Writes the status of pools: the counts of addresses, and the conditions `Ready`, `Overlap` and `HostBits`. */
import type { PoolView, RawPool } from '../api/pool.ts';
import { formatTime } from '../api/time.ts';
import type { Settled } from '../ipam/allocate.ts';
import { type Finding, type PoolReport, poolReports, sameCounts } from '../ipam/pool-report.ts';
import { collections } from '../kube/resources.ts';
import { mustDiffer, readOrNothing } from './refusal.ts';
import { type Writer, writeEach } from './writer.ts';

/** The shortest time between two writes: the counts change with every Service. */
const intervalMs = 1_000;

/** Keeps the status of the pools up to date. */
export class PoolStatus {
  #reportedAt = Number.NEGATIVE_INFINITY;

  /** Writes the status of every pool that changed. If the last write was less than a second ago, a later pass does it. */
  async apply({ table, ledger }: Pick<Settled, 'table' | 'ledger'>, writer: Writer): Promise<void> {
    const leftMs = this.#reportedAt + intervalMs - performance.now();
    if (leftMs > 0) {
      writer.loop.triggerIn(leftMs);
      return;
    }
    this.#reportedAt = performance.now();
    const { store } = writer.informers.pools;
    const changed = poolReports(table, ledger).filter((report) => {
      const known = store.get(report.pool.uid);
      return known !== undefined && !isReported(known, report);
    });
    await writeEach(writer, changed, {
      kind: 'IPAddressPool',
      of: ({ pool }) => pool,
      write: (report) => write(report, writer),
    });
  }
}

function isReported(pool: PoolView, { counts, findings }: PoolReport): boolean {
  return sameCounts(pool.counts, counts) && findings.every((finding) => !hasChanged(pool, finding));
}

async function write(report: PoolReport, writer: Writer): Promise<void> {
  const { client, events, signal, status, informers } = writer;
  const { pool, counts, findings } = report;
  const before = informers.pools.store.get(pool.uid) ?? pool;
  const conditions = findings.map((finding) => {
    const known = conditionOf(before, finding.type);
    const same = known?.status === finding.status;
    return { ...finding, lastTransitionTime: same ? known.lastTransitionTime : formatTime(status.now) };
  });
  const body = {
    apiVersion: 'berth.dev/v1beta1',
    kind: 'IPAddressPool',
    metadata: { name: pool.name, uid: pool.uid },
    status: { ...counts, conditions },
  };
  const { writer: manager } = status.ownership;
  const path = `${collections.pools}/${pool.name}`;
  try {
    const written = await client.apply<RawPool>({ path: `${path}/status`, body, signal, manager });
    informers.pools.assume(written);
    mustDiffer(written, before);
  } catch (error) {
    // The pool was deleted, and may have been created again: its event is on the way.
    const live = await readOrNothing<RawPool>(path, writer);
    if (live?.metadata.uid !== pool.uid) return;
    throw error;
  }
  const regarding = { apiVersion: 'berth.dev/v1beta1', kind: 'IPAddressPool', name: pool.name, uid: pool.uid };
  for (const { reason, message } of findings.filter((finding) => isFault(finding) && hasChanged(before, finding))) {
    await events.send({ regarding, type: 'Warning', reason, action: 'Read', note: message });
  }
}

function isFault({ type, status }: Finding): boolean {
  return type === 'Ready' ? status !== 'True' : status === 'True';
}

function hasChanged(pool: PoolView, finding: Finding): boolean {
  const before = conditionOf(pool, finding.type);
  return before?.reason !== finding.reason || before.message !== finding.message || before.status !== finding.status;
}

function conditionOf({ conditions }: PoolView, of: string): PoolView['conditions'][number] | undefined {
  return conditions.find(({ type }) => type === of);
}
