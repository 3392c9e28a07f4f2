/**
 * Writes the holder of each address and its conditions into the status of the ledger's entry: a copy for people, for the controller and for a
 * cold start. No decision waits for it. After an outage it is written as soon as the API server answers.
 */
import { allocationName } from '../../addr/ip.ts';
import type { Finding, Report } from '../../announce/reports.ts';
import {
  type AllocationView,
  allocationCondition,
  allocationConditions,
  type RawAllocation,
} from '../../api/allocation.ts';
import type { HolderRecord } from '../../api/entry-fields.ts';
import type { Condition } from '../../api/meta.ts';
import { formatTime } from '../../api/time.ts';
import { hasStatus, type KubeClient } from '../../kube/client.ts';
import type { Informer } from '../../kube/informer.ts';
import { collections } from '../../kube/resources.ts';
import { Backoff } from '../../runtime/backoff.ts';
import type { Logger } from '../../runtime/logger.ts';
import { inParallel } from '../../runtime/parallel.ts';
import { Stragglers } from '../../runtime/stragglers.ts';

/** The parts that the writer works with. */
interface HolderStatusWriterOptions {
  readonly client: KubeClient;
  readonly log: Logger;
  readonly allocations: Informer<RawAllocation, AllocationView>;
  readonly signal: AbortSignal;
}

const manager = 'berth-speaker';
/** All writes are to objects of this kind. */
const group = 'IPAllocation';
/** Other programs may keep conditions of other types in the status. */
const ownTypes: ReadonlySet<string> = new Set(Object.values(allocationConditions));
const writesAtOnce = 8;
const retryMs = 1_000;
/** A VIP without a holder is recorded as such only if that lasts this long. */
const unheldMs = 2_000;

/** Keeps the records of the VIPs that this node reports on. */
export class HolderStatusWriter {
  readonly #options: HolderStatusWriterOptions;
  readonly #backoff = new Backoff();
  readonly #stragglers = new Stragglers();
  #reports: readonly Report[] = [];
  /** Since when no node has held a VIP, on a monotonic clock. */
  readonly #unheldSince = new Map<string, number>();
  /** For each report, the entry that has all of it: most reports are compared with their entry once only. */
  readonly #recorded = new WeakMap<Report, AllocationView>();
  #writing = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: HolderStatusWriterOptions) {
    this.#options = options;
  }

  /** Sets all that this node reports. Returns at once; the writes follow. */
  record(reports: readonly Report[]): void {
    this.#reports = reports;
    const unheld = new Set(reports.filter(({ holder }) => holder === undefined).map(({ uid }) => uid));
    for (const uid of this.#unheldSince.keys()) if (!unheld.has(uid)) this.#unheldSince.delete(uid);
    for (const uid of unheld) if (!this.#unheldSince.has(uid)) this.#unheldSince.set(uid, performance.now());
    if (!this.#writing) void this.#writeAll();
  }

  async #writeAll(): Promise<void> {
    const { signal } = this.#options;
    this.#writing = true;
    const write = (report: Report) => this.#stragglers.waitFor({ uid: report.uid, group }, this.#attempt(report));
    await inParallel(this.#reports.filter(this.#isDue), write, { limit: writesAtOnce, signal });
    this.#writing = false;
    const reported = new Set(this.#reports.map(({ uid }) => uid));
    this.#backoff.keepOnly((uid) => reported.has(uid));
    const due = this.#reports.filter(this.#isNews);
    if (signal.aborted || due.length === 0) return;
    clearTimeout(this.#timer);
    const later = !due.some(this.#isDue);
    this.#timer = setTimeout(() => this.record(this.#reports), later ? retryMs : 0).unref();
  }

  #isDue = (report: Report): boolean => {
    const since = this.#unheldSince.get(report.uid);
    const isSettled = since === undefined || performance.now() - since >= unheldMs;
    const isRepeated = this.#backoff.failures(report.uid) > 0;
    const isFree =
      this.#backoff.isDue(report.uid) && this.#stragglers.isFree({ uid: report.uid, group }, { isRepeated });
    return isSettled && isFree && this.#isNews(report);
  };

  #isNews = (report: Report): boolean => {
    const entry = this.#options.allocations.store.get(report.uid);
    if (entry === undefined || this.#recorded.get(report) === entry) return false;
    if (!isRecorded(report, entry)) return true;
    this.#recorded.set(report, entry);
    return false;
  };

  async #attempt(report: Report): Promise<void> {
    const { log, signal } = this.#options;
    try {
      await this.#write(report);
      this.#backoff.forget(report.uid);
    } catch (error) {
      if (signal.aborted) return;
      const retryInMs = this.#backoff.failed(report.uid);
      const level = isPassing(error) ? 'debug' : 'warn';
      log[level]({ vip: report.address, retryInMs, err: error }, 'cannot write the status of an IPAllocation');
    }
  }

  async #write(report: Report): Promise<void> {
    const { client, allocations, signal } = this.#options;
    const { uid, address, conflict } = report;
    const entry = allocations.store.get(uid);
    if (entry === undefined) return;
    const name = allocationName(address);
    const now = Date.now();
    const holder = holderOf(report, entry, now);
    const conditions = report.conditions.map((finding) => dated(finding, entry, now));
    const body = {
      apiVersion: 'berth.dev/v1beta1',
      kind: 'IPAllocation',
      metadata: { name, uid },
      status: { ...(holder && { holder }), ...(conflict && { conflict }), conditions },
    };
    const path = `${collections.allocations}/${name}/status`;
    const written = allocations.assume(await client.apply<RawAllocation>({ path, body, signal, manager, force: true }));
    if (written !== undefined && !isRecorded(report, written)) {
      throw new Error('the status was written, but another field manager keeps a part of it as it was');
    }
  }
}

/**
 * Does this failure pass by itself? The address was released, or belongs to another Service now, and the watch will report it; or the API
 * server did not answer, which the informers report.
 */
function isPassing(error: unknown): boolean {
  const { code, name } = error as NodeJS.ErrnoException;
  return hasStatus(error, 404) || hasStatus(error, 409) || code !== undefined || name === 'TimeoutError';
}

/** Whether the entry has all of the report. If no node holds the VIP, the last holder stays on record: the next term depends on it. */
function isRecorded({ holder, conflict, conditions }: Report, entry: AllocationView): boolean {
  const { recorded } = entry;
  if (holder) {
    if (recorded?.node !== holder.node || recorded.term !== holder.term) return false;
    if ((recorded.since !== undefined) !== holder.announces) return false;
    if (linksText(recorded) !== linksText(holder)) return false;
  }
  const known = entry.conditions.filter(({ type }) => ownTypes.has(type));
  if (entry.conflict?.mac !== conflict?.mac || known.length !== conditions.length) return false;
  return conditions.every((finding) => {
    const before = allocationCondition(entry, finding.type);
    const { status, reason, message } = finding;
    return before?.status === status && before.reason === reason && before.message === message;
  });
}

function linksText({ links = [] }: Pick<HolderRecord, 'links'>): string {
  return links.map(({ name, mac }) => `${name}/${mac}`).join(' ');
}

/** A holder that has restarted in the same term keeps the time since which it announces. */
function holderOf({ holder }: Report, { recorded }: AllocationView, now: number): HolderRecord | undefined {
  if (holder === undefined) return recorded;
  const { node, term, links = [], announces } = holder;
  if (!announces) return { node, term, links };
  const isSame = recorded?.node === node && recorded.term === term;
  return { node, term, links, since: (isSame ? recorded.since : undefined) ?? formatTime(now) };
}

/** The condition with the time of the last change of its status, as the API conventions require. */
function dated(finding: Finding<string>, entry: AllocationView, now: number): Condition {
  const before = allocationCondition(entry, finding.type);
  const lastTransitionTime = before?.status === finding.status ? before.lastTransitionTime : formatTime(now);
  return { ...finding, lastTransitionTime };
}
