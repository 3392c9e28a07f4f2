/** Loads the data path's nftables rules into the kernel, and keeps them there while this speaker runs. */
import type { Ip } from '../../addr/ip.ts';
import { aliveMs, keepAliveText } from '../../dataplane/nft/fragment.ts';
import { changeText, onlyElements, type Ruleset, tableName, wholeText } from '../../dataplane/nft/ruleset.ts';
import { Stages } from '../../dataplane/nft/stages.ts';
import { commonParts, ofLink, ofVip, type Part, without } from '../../dataplane/plan/parts.ts';
import type { DataPath } from '../../dataplane/plan/spec.ts';
import { rulesetOf } from '../../dataplane/rules/desired.ts';
import { NftError, nft } from '../../linux/nft.ts';
import type { Logger } from '../../runtime/logger.ts';
import { hints, isAccepted, isRefusal, isThere, listTables } from './kernel-rules.ts';
import { Refusals } from './refusals.ts';

/** Without a renewal the rules have no effect after {@link aliveMs}. Before that there are five attempts to renew them. */
const renewMs = aliveMs / 5;
/** The tables are checked for changes by other programs at most this often. */
const checkMs = 5_000;
/** The pause after a check is at least this multiple of the time that the check took. */
const checkPauseFactor = 20;
/** A load that failed is tried again after this time. */
const retryMs = 5_000;
/** The log names at most this many refused parts at once. */
const mostNamed = 10;
const notLoadedYet = 'NotLoadedYet';

/** Keeps Berth's tables in the kernel. */
export class NftApplier {
  readonly #log: Logger;
  readonly #onReloaded: () => void;
  #desired: DataPath | undefined;
  /** The rules that the kernel has; undefined: unknown. */
  #loaded: Ruleset | undefined;
  /** The path that they were made from, without the parts that the kernel refuses. */
  #kept: DataPath | undefined;
  /** The same path with all its parts. */
  #loadedPath: DataPath | undefined;
  readonly #refusals = new Refusals();
  /** The tables as the kernel lists them, without their elements; undefined: it could not list them. */
  #listing: string | undefined;
  #working: Promise<void> | undefined;
  #failure: string | undefined;
  #renewAt = 0;
  #checkAt = 0;
  #retryAt = 0;
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

  /** Why not all rules are in the kernel; undefined while they are. */
  get failure(): string | undefined {
    return this.generalFailure ?? (this.#refusals.parts.size > 0 ? 'Refused' : undefined);
  }

  /** Why the rules of a VIP, or those of its link, are not in the kernel; undefined while they are. */
  failureOf(vip: Ip, link: string): string | undefined {
    return this.generalFailure ?? (this.isRefused(vip) || this.#refusals.has(ofLink(link)) ? 'Refused' : undefined);
  }

  /** The parts whose rules are left out because the kernel refuses them. */
  get refused(): readonly Part[] {
    return [...this.#refusals.parts];
  }

  /** Are the rules of a VIP left out because the kernel refuses them? */
  isRefused(vip: Ip): boolean {
    return this.#refusals.has(ofVip(vip));
  }

  /** Why the rules of no part are in the kernel as they should be; undefined while most are. */
  get generalFailure(): string | undefined {
    return this.#failure ?? (this.#loaded === undefined ? notLoadedYet : undefined);
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
      // First of all, what is loaded stays in effect, whatever happens to a change.
      if (await this.#renewIfDue()) continue;
      if (this.#mustLoad(path, now)) await this.#load(path);
      else if (this.#loaded !== undefined && now >= this.#checkAt) await this.#check(this.#loaded);
      else return;
    }
  }

  #mustLoad(path: DataPath, now: number): boolean {
    if (now < this.#retryAt) return false;
    return path !== this.#loadedPath || this.#loaded === undefined || this.#refusals.isDue(now);
  }

  /** Loads all parts of a path that the kernel accepts. */
  async #load(path: DataPath): Promise<void> {
    const before = this.failure;
    this.#refusals.observe(path);
    let left = this.#refusals.leftOut(performance.now());
    try {
      await this.#commit(path, left);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      const refused = await this.#findRefused(path, error);
      left = this.#refusals.parts;
      await this.#commit(path, left);
      this.#logRefused(refused, error);
    }
    this.#refusals.acceptedWithout(left);
    this.#failure = undefined;
    const isNew = before === undefined || before === notLoadedYet;
    if (!isNew && this.failure === undefined) this.#log.info({}, 'nftables rules loaded again');
  }

  /** Finds out which parts the kernel refuses: those that were not known before. They are left out from then on. */
  #findRefused(path: DataPath, error: NftError): Promise<readonly Part[]> {
    const base = this.#kept === undefined ? [] : commonParts(this.#kept, path);
    const accepts = async (some: DataPath) => {
      // The speaker must not end late: others wait for its restart.
      if (this.#closed) throw error;
      // A search may take longer than the rules stay in effect.
      await this.#renewIfDue();
      return isAccepted(wholeText(new Stages(undefined, rulesetOf(some)).first), '--check');
    };
    return this.#refusals.find({ path, base, error }, accepts, () => performance.now());
  }

  #logRefused(refused: readonly Part[], error: NftError): void {
    if (refused.length === 0) return;
    const { reason } = error;
    const parts = refused.slice(0, mostNamed);
    this.#log.warn({ reason, parts, err: error, hint: hints[reason] }, 'the kernel refuses rules: they are left out');
  }

  /** Loads the rules of a path without some parts, in stages. A newer plan does not wait for the later ones: it goes on from what is loaded. */
  async #commit(path: DataPath, left: ReadonlySet<Part>): Promise<void> {
    const kept = without(path, left);
    const stages = await this.#commitFirst(rulesetOf(kept));
    this.#kept = kept;
    for (let commands = stages.next; commands !== undefined; commands = stages.next) {
      await this.#renewIfDue();
      if (this.#loaded === undefined || this.#desired !== path || this.#closed) return;
      await nft(commands);
      stages.loaded();
    }
    this.#loadedPath = path;
  }

  /** Loads the first stage. If a change does not fit the rules in the kernel (a link was removed, and its chain with it), all rules are loaded again. */
  async #commitFirst(ruleset: Ruleset): Promise<Stages> {
    let stages = new Stages(this.#loaded, ruleset);
    const change = this.#loaded && changeText(this.#loaded, stages.first);
    const isChanged = change !== undefined && (change === '' || (await isAccepted(change)));
    if (!isChanged) {
      // Without tables in the kernel no client loses anything, and the rules of all VIPs are wanted soon.
      stages = new Stages((await isThere(ruleset)) ? undefined : [], ruleset);
      await nft(wholeText(stages.first));
      this.#renewAt = performance.now() + renewMs;
      this.#onReloaded();
    }
    this.#loaded = stages.first;
    // Elements are not in the listing.
    if (!isChanged || !onlyElements(change)) this.#listing = await this.#list(ruleset);
    return stages;
  }

  /** Renews what is loaded, if it is time. Another program may have removed the tables: then they are loaded again. */
  async #renewIfDue(): Promise<boolean> {
    if (this.#loaded === undefined || performance.now() < this.#renewAt) return false;
    if (await isAccepted(keepAliveText(this.#loaded))) this.#renewAt = performance.now() + renewMs;
    else this.#loaded = undefined;
    return true;
  }

  async #check(loaded: Ruleset): Promise<void> {
    const listing = await this.#list(loaded);
    if (listing !== undefined && listing === this.#listing) return;
    this.#log.warn({ table: tableName }, `nftables table ${tableName} was changed by another program: reloading`);
    this.#loaded = undefined;
  }

  async #list(ruleset: Ruleset): Promise<string | undefined> {
    const began = performance.now();
    const listing = await listTables(ruleset);
    // nft reads the elements anyway, which takes long with thousands of VIPs: checks must be a small part of the time.
    const now = performance.now();
    this.#checkAt = now + Math.max(checkMs, checkPauseFactor * (now - began));
    return listing;
  }

  /** The rules that are loaded stay. */
  #failed(error: unknown): void {
    if (this.#closed) return;
    this.#retryAt = performance.now() + retryMs;
    // If the renewal has failed, the load must be tried too.
    this.#renewAt = Math.max(this.#renewAt, this.#retryAt);
    const reason = error instanceof NftError ? error.reason : 'Unknown';
    if (reason === this.#failure) return;
    this.#failure = reason;
    this.#log.warn({ reason, err: error, hint: hints[reason] }, 'cannot load the nftables rules');
  }
}
