/** The claims of every node, by node and by VIP. */
import { type Claim, type ClaimsDigest, isSameClaim, noClaims, withClaim, withoutClaim } from './messages.ts';

/** The claims of one node. */
interface Account {
  readonly claims: Map<string, Claim>;
  digest: ClaimsDigest;
}

const nobody: ReadonlyMap<string, Claim> = new Map();

/** All claims that are known. */
export class ClaimStore {
  readonly #accounts = new Map<string, Account>();
  readonly #byVip = new Map<string, Map<string, Claim>>();
  /** The highest term of each VIP that was ever seen, whether it is held or was given up. */
  readonly #terms = new Map<string, number>();
  #touched = new Set<string>();

  /** A node's claims, by uid. */
  of(node: string): ReadonlyMap<string, Claim> {
    return this.#accounts.get(node)?.claims ?? nobody;
  }

  /** The claims to a VIP, by node. */
  to(uid: string): ReadonlyMap<string, Claim> {
    return this.#byVip.get(uid) ?? nobody;
  }

  /** The digest of a node's claims. */
  digestOf(node: string): ClaimsDigest {
    return this.#accounts.get(node)?.digest ?? noClaims;
  }

  /** The highest term of a VIP in any claim so far; 0 if no node ever held it. */
  termOf(uid: string): number {
    return this.#terms.get(uid) ?? 0;
  }

  /** Adds a node's claim, or replaces it. */
  set(node: string, claim: Claim): void {
    const account = this.#accounts.get(node) ?? { claims: new Map<string, Claim>(), digest: noClaims };
    this.#accounts.set(node, account);
    const before = account.claims.get(claim.uid);
    if (isSameClaim(claim, before)) return;
    if (before) account.digest = withoutClaim(account.digest, before);
    account.digest = withClaim(account.digest, claim);
    account.claims.set(claim.uid, claim);
    const toVip = this.#byVip.get(claim.uid) ?? new Map<string, Claim>();
    this.#byVip.set(claim.uid, toVip.set(node, claim));
    this.#terms.set(claim.uid, Math.max(this.termOf(claim.uid), claim.term));
    this.#touched.add(claim.uid);
  }

  /** Removes a node's claim. */
  drop(node: string, uid: string): void {
    const account = this.#accounts.get(node);
    const before = account?.claims.get(uid);
    if (account === undefined || before === undefined) return;
    account.digest = withoutClaim(account.digest, before);
    account.claims.delete(uid);
    const toVip = this.#byVip.get(uid);
    if (toVip?.delete(node) && toVip.size === 0) this.#byVip.delete(uid);
    this.#touched.add(uid);
  }

  /** Replaces all claims of a node. */
  replace(node: string, claims: readonly Claim[]): void {
    const wanted = new Set(claims.map(({ uid }) => uid));
    for (const uid of this.of(node).keys()) if (!wanted.has(uid)) this.drop(node, uid);
    for (const claim of claims) this.set(node, claim);
  }

  /** The VIPs whose claims have changed since the last call. */
  takeTouched(): ReadonlySet<string> {
    const touched = this.#touched;
    if (touched.size > 0) this.#touched = new Set();
    return touched;
  }

  /** Has any claim changed since the last {@link takeTouched}? */
  get isTouched(): boolean {
    return this.#touched.size > 0;
  }

  /** Forgets the terms of VIPs that do not exist and that no node claims. */
  forgetTerms(exists: (uid: string) => boolean): void {
    for (const uid of this.#terms.keys()) if (!this.#byVip.has(uid) && !exists(uid)) this.#terms.delete(uid);
  }
}
