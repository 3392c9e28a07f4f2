/** Leader election by a Lease: one controller acts, the others wait. */
import { hostname } from 'node:os';
import type { RawMeta } from '../api/meta.ts';
import type { Logger } from '../runtime/logger.ts';
import { wait } from '../runtime/wait.ts';
import { hasStatus, type KubeClient } from './client.ts';
import { leasesPath } from './resources.ts';

/**
 * The times of leader election: lease duration > renew deadline > retry period. Names and meanings are those of Kubernetes' own
 * controllers.
 */
export interface LeaseTiming {
  /** Another candidate may take a Lease that is not renewed for this time. */
  readonly leaseDurationMs: number;
  /** A leader that cannot renew for this time stops acting. */
  readonly renewDeadlineMs: number;
  /** The pause between two attempts. */
  readonly retryPeriodMs: number;
}

/** The Lease, and the times. */
interface LeaderElectorOptions {
  readonly client: KubeClient;
  readonly log: Logger;
  readonly namespace: string;
  readonly lease: string;
  readonly timing: LeaseTiming;
}

/** A Lease as the API server sends and takes it. */
export interface Lease {
  readonly apiVersion: 'coordination.k8s.io/v1';
  readonly kind: 'Lease';
  readonly metadata: Pick<RawMeta, 'name'> & { readonly namespace: string; readonly resourceVersion?: string };
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    readonly acquireTime?: string;
    readonly renewTime?: string;
  };
}

const giveBackMs = 2_000;
/** There is time for at least this many attempts before the renew deadline. */
const attempts = 3;

/** A candidate for the Lease. */
export class LeaderElector {
  readonly identity = `${hostname()}_${crypto.randomUUID()}`;
  readonly #options: LeaderElectorOptions;
  /** The Lease as last read, and when it last changed. The time is that of the local clock, so clocks of different hosts may differ. */
  #seen: { readonly lease: Lease; readonly changedAt: number } | undefined;
  /** When the last attempt began that acquired or renewed the Lease. */
  #renewedAt = Number.NEGATIVE_INFINITY;

  constructor(options: LeaderElectorOptions) {
    this.#options = options;
  }

  /** Resolves when this process holds the Lease, or when the signal aborts. */
  async lead(signal: AbortSignal): Promise<void> {
    const { log, lease, timing } = this.#options;
    log.info({ lease, identity: this.identity }, 'waiting for the lease');
    while (!signal.aborted) {
      const startedAt = performance.now();
      try {
        if (await this.#tryAcquire(this.#attempt(signal, timing.renewDeadlineMs))) {
          this.#renewedAt = startedAt;
          log.info({ lease, identity: this.identity }, 'leading');
          return;
        }
      } catch (error) {
        if (!signal.aborted) log.warn({ lease, err: error }, 'cannot acquire the lease');
      }
      await wait(timing.retryPeriodMs, signal);
    }
  }

  /** Renews until the signal aborts. Rejects as soon as another process may hold the Lease: this process must stop acting. */
  async hold(signal: AbortSignal): Promise<void> {
    const { lease, log, timing } = this.#options;
    const { renewDeadlineMs, retryPeriodMs } = timing;
    while (!signal.aborted) {
      await wait(retryPeriodMs, signal);
      if (signal.aborted) return;
      // A process that was paused for too long must not act, not even while a renewal is under way.
      this.throwIfLost();
      const startedAt = performance.now();
      try {
        const leftMs = Math.ceil(this.#renewedAt + renewDeadlineMs - startedAt);
        if (!(await this.#tryAcquire(this.#attempt(signal, leftMs)))) throw new Error('another process took the lease');
        this.#renewedAt = startedAt;
      } catch (error) {
        if (signal.aborted) return;
        log.warn({ err: error }, 'lease not renewed');
        if (this.#isLate || this.#heldByOther()) throw new Error(`lost lease ${lease}`, { cause: error });
      }
    }
  }

  /** Throws if this process has not renewed the Lease in time, whether or not {@link hold} has found that already. */
  throwIfLost(): void {
    const { lease } = this.#options;
    if (this.#isLate) throw new Error(`lost lease ${lease}: this process was paused beyond the renew deadline`);
  }

  /** Releases the Lease, so that a successor need not wait until it expires. */
  async giveBack(): Promise<void> {
    const signal = AbortSignal.timeout(giveBackMs);
    try {
      // The answer to the last renewal may be missing, so the known version may not be the newest one.
      const lease = await this.#read(signal);
      if (lease?.spec?.holderIdentity === this.identity) await this.#write(lease, signal, '');
    } catch {
      // The successor waits until the Lease expires.
    }
  }

  get #isLate(): boolean {
    return performance.now() - this.#renewedAt >= this.#options.timing.renewDeadlineMs;
  }

  /** A signal for one attempt. One request that hangs must leave time for others. */
  #attempt(signal: AbortSignal, leftMs: number): AbortSignal {
    const mostMs = Math.ceil(this.#options.timing.renewDeadlineMs / attempts);
    return AbortSignal.any([signal, AbortSignal.timeout(Math.max(1, Math.min(leftMs, mostMs)))]);
  }

  /** Acquires or renews the Lease if it is free, expired or held by this process. */
  async #tryAcquire(signal: AbortSignal): Promise<boolean> {
    const lease = await this.#read(signal);
    if (lease === undefined) return this.#write(undefined, signal);
    const unchanged = this.#seen?.lease.metadata.resourceVersion === lease.metadata.resourceVersion;
    const changedAt = (unchanged && this.#seen?.changedAt) || performance.now();
    this.#seen = { lease, changedAt };
    // A Lease that was created by hand may lack all these fields.
    const { holderIdentity = '', leaseDurationSeconds = this.#leaseSeconds } = lease.spec ?? {};
    const silentMs = performance.now() - changedAt;
    const free = holderIdentity === '' || holderIdentity === this.identity || silentMs > leaseDurationSeconds * 1000;
    return free ? this.#write(lease, signal) : false;
  }

  async #read(signal: AbortSignal): Promise<Lease | undefined> {
    const { client, namespace, lease } = this.#options;
    try {
      return await client.json<Lease>({ path: `${leasesPath(namespace)}/${lease}`, signal });
    } catch (error) {
      if (hasStatus(error, 404)) return undefined;
      throw error;
    }
  }

  /** Writes the Lease; false if another candidate was faster (409). */
  async #write(before: Lease | undefined, signal: AbortSignal, holder = this.identity): Promise<boolean> {
    const { client, namespace, lease: name } = this.#options;
    const now = new Date().toISOString().replace('Z', '000Z');
    const acquiredAt = before?.spec?.holderIdentity === holder ? before.spec.acquireTime : undefined;
    const resourceVersion = before?.metadata.resourceVersion;
    const lease: Lease = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name, namespace, ...(resourceVersion && { resourceVersion }) },
      spec: {
        holderIdentity: holder,
        leaseDurationSeconds: this.#leaseSeconds,
        acquireTime: acquiredAt ?? now,
        renewTime: now,
      },
    };
    const path = leasesPath(namespace) + (before ? `/${name}` : '');
    try {
      const written = await client.json<Lease>({ method: before ? 'PUT' : 'POST', path, body: lease, signal });
      this.#seen = { lease: written, changedAt: performance.now() };
      return true;
    } catch (error) {
      if (hasStatus(error, 409)) return false;
      throw error;
    }
  }

  /** The duration in whole seconds, as a Lease stores it. Rounded up, so that no other candidate takes it too early. */
  get #leaseSeconds(): number {
    return Math.ceil(this.#options.timing.leaseDurationMs / 1000);
  }

  #heldByOther(): boolean {
    const holder = this.#seen?.lease.spec?.holderIdentity ?? '';
    return holder !== '' && holder !== this.identity;
  }
}
