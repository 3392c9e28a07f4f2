/** Leader election by a Lease: one controller acts, the others stand by. */
import { hostname } from 'node:os';
import type { RawMeta } from '../api/meta.ts';
import type { Logger } from '../runtime/logger.ts';
import { wait } from '../runtime/wait.ts';
import { hasStatus, type KubeClient } from './client.ts';
import { leasesPath } from './resources.ts';

/** How fast the lead changes hands; lease > renew > retry. The words and the meanings are those of Kubernetes' own controllers. */
export interface LeaseTiming {
  /** A Lease that is not renewed for this long may be taken by another candidate. */
  readonly leaseDurationMs: number;
  /** A leader that could not renew for this long acts no more. */
  readonly renewDeadlineMs: number;
  /** The pause between two attempts. */
  readonly retryPeriodMs: number;
}

/** Which Lease, and who we are. */
export interface LeaderElectorOptions {
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

/** A candidate for the Lease. */
export class LeaderElector {
  readonly identity = `${hostname()}_${crypto.randomUUID()}`;
  readonly #options: LeaderElectorOptions;
  /** The Lease as last read, and when it was last seen to change: by our clock, so clocks need not agree. */
  #seen: { readonly lease: Lease; readonly changedAt: number } | undefined;

  constructor(options: LeaderElectorOptions) {
    this.#options = options;
  }

  /** Returns when this process leads, or when the signal aborts. */
  async lead(signal: AbortSignal): Promise<void> {
    const { log, lease, timing } = this.#options;
    log.info({ lease, identity: this.identity }, 'waiting for the lead');
    while (!signal.aborted) {
      try {
        if (await this.#tryAcquire(AbortSignal.any([signal, AbortSignal.timeout(timing.renewDeadlineMs)]))) {
          log.info({ lease, identity: this.identity }, 'leading');
          return;
        }
      } catch (error) {
        if (!signal.aborted) log.warn({ lease, err: error }, 'lease not reached');
      }
      await wait(timing.retryPeriodMs, signal);
    }
  }

  /** Renews until the signal aborts. Rejects as soon as the Lease may be another's: this process must act no more. */
  async hold(signal: AbortSignal): Promise<void> {
    const { lease, log, timing } = this.#options;
    const { renewDeadlineMs, retryPeriodMs } = timing;
    let renewedAt = performance.now();
    while (!signal.aborted) {
      await wait(retryPeriodMs, signal);
      if (signal.aborted) return;
      const startedAt = performance.now();
      const leftMs = Math.ceil(renewedAt + renewDeadlineMs - startedAt);
      // This process slept for too long: it must not act even for as long as asking takes.
      if (leftMs <= 0) throw new Error(`lost lease ${lease}: this process slept through its time`);
      try {
        const attempt = AbortSignal.any([signal, AbortSignal.timeout(leftMs)]);
        if (!(await this.#tryAcquire(attempt))) throw new Error('another process took the lease');
        renewedAt = startedAt;
      } catch (error) {
        if (signal.aborted) return;
        log.warn({ err: error }, 'lease not renewed');
        const late = performance.now() - renewedAt >= renewDeadlineMs;
        if (late || this.#heldByOther()) throw new Error(`lost lease ${lease}`, { cause: error });
      }
    }
  }

  /** Lets a successor start at once instead of after the Lease's time. */
  async giveBack(): Promise<void> {
    if (this.#seen === undefined || this.#heldByOther()) return;
    await this.#write(this.#seen.lease, AbortSignal.timeout(giveBackMs), '').catch(() => undefined);
  }

  /** Takes or renews the Lease if it is free, expired or ours. */
  async #tryAcquire(signal: AbortSignal): Promise<boolean> {
    const lease = await this.#read(signal);
    if (lease === undefined) return this.#write(undefined, signal);
    const unchanged = this.#seen?.lease.metadata.resourceVersion === lease.metadata.resourceVersion;
    const changedAt = (unchanged && this.#seen?.changedAt) || performance.now();
    this.#seen = { lease, changedAt };
    // A Lease made by hand may lack all of it.
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

  /** A conflict (409) means that another candidate was faster. */
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

  /** A Lease holds whole seconds: rounded up, so that no other candidate is ever early. */
  get #leaseSeconds(): number {
    return Math.ceil(this.#options.timing.leaseDurationMs / 1000);
  }

  #heldByOther(): boolean {
    const holder = this.#seen?.lease.spec?.holderIdentity ?? '';
    return holder !== '' && holder !== this.identity;
  }
}
