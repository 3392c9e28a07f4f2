/** Brings the data path's rules into the kernel, and sees to it that they stay there while this speaker lives. */

import { aliveMs, keepAliveText } from '../../dataplane/nft/fragment.ts';
import { changeText, onlyElements, type Ruleset, tableName, wholeText } from '../../dataplane/nft/ruleset.ts';
import type { DataPath } from '../../dataplane/plan/spec.ts';
import { rulesetOf } from '../../dataplane/rules/desired.ts';
import { NftError, nft } from '../../linux/nft.ts';
import type { Logger } from '../../runtime/logger.ts';

/** The rules do nothing any more after {@link aliveMs}: five tries before that. */
const renewMs = aliveMs / 5;
/** So often it is looked whether somebody has changed our tables. */
const checkMs = 5_000;
/** And not before so many times the time that the last look took. */
const checkPauseFactor = 20;
/** What could not be loaded is tried again after this time. */
const retryMs = 5_000;

/** Our tables in the kernel. */
export class NftApplier {
  readonly #log: Logger;
  readonly #onReloaded: () => void;
  #desired: DataPath | undefined;
  /** What the kernel has; undefined: nobody knows. */
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

  /** `onReloaded` is called when everything was made anew, and what the kernel had gathered in our sets is gone. */
  constructor(log: Logger, onReloaded: () => void = () => undefined) {
    this.#log = log;
    this.#onReloaded = onReloaded;
    this.#timer = setInterval(() => void this.#work(), 1_000).unref();
  }

  /** Why our rules are not in the kernel; undefined while they are. */
  get failure(): string | undefined {
    return this.#loaded === undefined ? (this.#failure ?? 'NotLoadedYet') : undefined;
  }

  /** What the rules are to be made from. They are in the kernel a few milliseconds later. */
  apply(path: DataPath): void {
    this.#desired = path;
    void this.#work();
  }

  /** Ends the work. The rules stay: the speaker may be back in a moment, and if not they run out. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    await this.#working;
  }

  /** Have our tables left the kernel for good? */
  get isRemoved(): boolean {
    return this.#hasRemoved;
  }

  /** Takes all our tables out of the kernel; nothing comes back after it. */
  async remove(): Promise<void> {
    if (this.#isRemoving) return;
    this.#isRemoving = true;
    await this.close();
    try {
      await nft(wholeText([]));
      this.#hasRemoved = true;
      this.#log.info({}, 'our rules have left the kernel: Berth is being uninstalled');
    } catch (error) {
      this.#log.warn({ err: error }, 'our rules did not leave the kernel: they run out in ten minutes');
    }
  }

  /** One transaction at a time; what is wanted meanwhile is looked at after it. */
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
    if (this.#failure !== undefined) this.#log.info({}, 'rules are in the kernel again');
    this.#failure = undefined;
    this.#loaded = ruleset;
    this.#loadedPath = path;
    // Elements are not in the listing.
    if (change !== undefined && onlyElements(change)) return;
    this.#listing = await this.#list(ruleset);
  }

  /** Where a change does not fit what is there (a link went, and its chain with it), everything is made anew. */
  async #commit(change: string | undefined, ruleset: Ruleset): Promise<void> {
    if (change !== undefined) {
      try {
        await nft(change);
        return;
      } catch (error) {
        this.#log.debug({ err: error }, 'the rules are made anew: a change of them was refused');
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
    this.#log.warn({ table: tableName }, 'somebody has changed our rules: they are made anew');
    this.#loaded = undefined;
    this.#checkAt = 0;
  }

  /** One table at a time: of several in one go nft 1.0.6 finds only the last one. Without counts, which grow by themselves. */
  async #list(ruleset: Ruleset): Promise<string> {
    const began = performance.now();
    let listing = '';
    for (const { family } of ruleset) {
      listing += await nft(`list table ${family} ${tableName}\n`, ['--terse', '--stateless']);
    }
    // nft reads the elements all the same: with thousands of VIPs it takes its time, of which this is to be a small part.
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
    this.#log.warn({ reason, err: error, hint: hints[reason] }, 'the nftables rules are not in the kernel');
  }
}

const hints: Readonly<Record<string, string>> = {
  NoNft: 'the image has no nft: build it from the Dockerfile of this version',
  NotPermitted: 'the speaker needs CAP_NET_ADMIN (chart value speaker.nftables.enabled)',
  Refused: 'Linux 5.15 and nft 1.0.6 or newer are needed; err.message names the line',
};
