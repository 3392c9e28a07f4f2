/** Loads the data path's nftables rules into the kernel, and keeps them there while this speaker runs. */

import { aliveMs, keepAliveText } from '../../dataplane/nft/fragment.ts';
import { changeText, onlyElements, type Ruleset, tableName, wholeText } from '../../dataplane/nft/ruleset.ts';
import type { DataPath } from '../../dataplane/plan/spec.ts';
import { rulesetOf } from '../../dataplane/rules/desired.ts';
import { NftError, nft } from '../../linux/nft.ts';
import type { Logger } from '../../runtime/logger.ts';

/** Without a renewal the rules have no effect after {@link aliveMs}. Before that there are five attempts to renew them. */
const renewMs = aliveMs / 5;
/** The tables are checked for changes by other programs at most this often. */
const checkMs = 5_000;
/** The pause after a check is at least this multiple of the time that the check took. */
const checkPauseFactor = 20;
/** A load that failed is tried again after this time. */
const retryMs = 5_000;

/** Keeps Berth's tables in the kernel. */
export class NftApplier {
  readonly #log: Logger;
  readonly #onReloaded: () => void;
  #desired: DataPath | undefined;
  /** The rules that the kernel has; undefined: unknown. */
  #loaded: Ruleset | undefined;
  #loadedPath: DataPath | undefined;
  /** The tables as the kernel lists them, without their elements. */
  #listing = '';
  #working: Promise<void> | undefined;
  #failure: string | undefined;
  #renewAt = 0;
  #checkAt = 0;
  readonly #timer: NodeJS.Timeout;
  #closed = false;
  #isRemoving = false;
  #hasRemoved = false;

  /** `onReloaded` is called after all rules were loaded at once: the elements that the kernel had added to the sets are lost. */
  constructor(log: Logger, onReloaded: () => void = () => undefined) {
    this.#log = log;
    this.#onReloaded = onReloaded;
    this.#timer = setInterval(() => void this.#work(), 1_000).unref();
  }

  /** Why the rules are not in the kernel; undefined while they are. */
  get failure(): string | undefined {
    return this.#loaded === undefined ? (this.#failure ?? 'NotLoadedYet') : undefined;
  }

  /** Sets the plan for the rules. They are in the kernel a few milliseconds later. */
  apply(path: DataPath): void {
    this.#desired = path;
    void this.#work();
  }

  /** Ends the work. The rules stay, because the speaker may start again soon. If it does not, they lose their effect. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    await this.#working;
  }

  /** Whether the tables were removed from the kernel for good. */
  get isRemoved(): boolean {
    return this.#hasRemoved;
  }

  /** Removes all tables from the kernel. Nothing is loaded afterwards. */
  async remove(): Promise<void> {
    if (this.#isRemoving) return;
    this.#isRemoving = true;
    await this.close();
    try {
      await nft(wholeText([]));
      this.#hasRemoved = true;
      this.#log.info({}, 'nftables rules removed: Berth is being uninstalled');
    } catch (error) {
      this.#log.warn({ err: error }, 'cannot remove the nftables rules: they have no effect after ten minutes');
    }
  }

  /** Runs one transaction at a time. A plan that comes meanwhile is loaded after it. */
  #work(): Promise<void> {
    this.#working ??= this.#workThrough()
      .catch((error: unknown) => this.#failed(error))
      .finally(() => (this.#working = undefined));
    return this.#working;
  }

  async #workThrough(): Promise<void> {
    for (;;) {
      const [path, now] = [this.#desired, performance.now()];
      if (this.#closed || path === undefined) return;
      if (this.#loaded === undefined && now < this.#checkAt) return;
      if (path !== this.#loadedPath || this.#loaded === undefined) await this.#load(path);
      else if (now >= this.#renewAt) await this.#renew();
      else if (now >= this.#checkAt) await this.#check();
      else return;
    }
  }

  async #load(path: DataPath): Promise<void> {
    const ruleset = rulesetOf(path);
    const change = this.#loaded && changeText(this.#loaded, ruleset);
    if (change !== '') await this.#commit(change, ruleset);
    if (this.#failure !== undefined) this.#log.info({}, 'nftables rules loaded again');
    this.#failure = undefined;
    this.#loaded = ruleset;
    this.#loadedPath = path;
    // Elements are not in the listing.
    if (change !== undefined && onlyElements(change)) return;
    this.#listing = await this.#list(ruleset);
  }

  /** If a change does not fit the rules in the kernel (a link was removed, and its chain with it), all rules are loaded again. */
  async #commit(change: string | undefined, ruleset: Ruleset): Promise<void> {
    if (change !== undefined) {
      try {
        await nft(change);
        return;
      } catch (error) {
        this.#log.debug({ err: error }, 'the kernel refused a change of the nftables rules: reloading');
        this.#loaded = undefined;
      }
    }
    await nft(wholeText(ruleset));
    this.#renewAt = performance.now() + renewMs;
    this.#onReloaded();
  }

  async #renew(): Promise<void> {
    await nft(keepAliveText(this.#loaded ?? []));
    this.#renewAt = performance.now() + renewMs;
  }

  async #check(): Promise<void> {
    const listing = await this.#list(this.#loaded ?? []).catch(() => '');
    if (listing === this.#listing) return;
    this.#log.warn({ table: tableName }, `nftables table ${tableName} was changed by another program: reloading`);
    this.#loaded = undefined;
    this.#checkAt = 0;
  }

  /** Lists one table at a time: of several in one command nft 1.0.6 finds only the last one. Without counters, which change by themselves. */
  async #list(ruleset: Ruleset): Promise<string> {
    const began = performance.now();
    let listing = '';
    for (const { family } of ruleset) {
      listing += await nft(`list table ${family} ${tableName}\n`, ['--terse', '--stateless']);
    }
    // nft reads the elements anyway, which takes long with thousands of VIPs: checks must be a small part of the time.
    const now = performance.now();
    this.#checkAt = now + Math.max(checkMs, checkPauseFactor * (now - began));
    return listing;
  }

  #failed(error: unknown): void {
    this.#loaded = undefined;
    this.#checkAt = performance.now() + retryMs;
    const reason = error instanceof NftError ? error.reason : 'Unknown';
    if (reason === this.#failure) return;
    this.#failure = reason;
    this.#log.warn({ reason, err: error, hint: hints[reason] }, 'cannot load the nftables rules');
  }
}

const hints: Readonly<Record<string, string>> = {
  NoNft: 'the image has no nft: build it from the Dockerfile of this version',
  NotPermitted: 'the speaker needs CAP_NET_ADMIN (chart value speaker.nftables.enabled)',
  Refused: 'Linux 5.15 and nft 1.0.6 or newer are needed; err.message names the line',
};
