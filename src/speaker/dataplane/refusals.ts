/** Remembers which parts of the data path the kernel refuses, and finds them. */
import { findAccepted } from '../../dataplane/plan/acceptance.ts';
import { factsOf, isLink, type Part, partsOf, without } from '../../dataplane/plan/parts.ts';
import type { DataPath } from '../../dataplane/plan/spec.ts';

/** A part that the kernel refused. */
interface Refusal {
  /** The facts of the part at that time. */
  readonly facts: string;
  readonly at: number;
  /** It is not tried again before. */
  readonly dueAt: number;
}

/** The pause before a refused part is tried again doubles with each refusal. If the facts of the part change, the first pause is enough. */
const pauses = { firstMs: 5_000, mostMs: 3_600_000 } as const;

/** One search asks the kernel at most this often. Parts that it did not judge are left out until the next search. */
const mostQuestions = 500;

/** A path that was refused as a whole. */
interface Refused {
  readonly path: DataPath;
  /** Parts that the kernel has accepted before. */
  readonly base: readonly Part[];
  readonly error: unknown;
}

/** The parts to leave out. Times are in milliseconds on a monotonic clock. */
export class Refusals {
  #refusals: ReadonlyMap<Part, Refusal> = new Map();

  /** Whether a part is left out, because the kernel refused it or has not judged it yet. */
  has(part: Part): boolean {
    return this.#refusals.has(part);
  }

  /** All parts that are left out. */
  get parts(): ReadonlySet<Part> {
    return new Set(this.#refusals.keys());
  }

  /** Must be called with every new path: forgets the parts that it does not have, and notes those whose facts have changed. */
  observe(path: DataPath): void {
    if (this.#refusals.size === 0) return;
    const there = new Set(partsOf(path));
    const kept = [...this.#refusals].filter(([part]) => there.has(part));
    this.#refusals = new Map(
      kept.map(([part, one]) => {
        const dueAt = factsOf(part, path) === one.facts ? one.dueAt : Math.min(one.dueAt, one.at + pauses.firstMs);
        return [part, { ...one, dueAt }];
      }),
    );
  }

  /** The parts that need not be tried again yet. */
  leftOut(now: number): ReadonlySet<Part> {
    return new Set([...this.#refusals].filter(([, { dueAt }]) => now < dueAt).map(([part]) => part));
  }

  /** Whether a part must be tried again. */
  isDue(now: number): boolean {
    return [...this.#refusals.values()].some(({ dueAt }) => now >= dueAt);
  }

  /** The kernel has accepted all parts but these. */
  acceptedWithout(left: ReadonlySet<Part>): void {
    this.#refusals = new Map([...this.#refusals].filter(([part]) => left.has(part)));
  }

  /**
   * Finds out which parts of a path the kernel refuses. Returns those that were not left out before. Rejects with the
   * error if the kernel refuses a path without any part.
   */
  async find(
    { path, base, error }: Refused,
    accepts: (path: DataPath) => Promise<boolean>,
    clock: () => number,
  ): Promise<readonly Part[]> {
    const all = partsOf(path);
    const before = this.#refusals;
    const leftOut = this.leftOut(clock());
    const tried = all.filter((part) => !leftOut.has(part));
    const acceptsOnly = (some: readonly Part[]) => {
      const kept = new Set(some);
      return accepts(without(path, new Set(all.filter((part) => !kept.has(part)))));
    };
    const accepted = new Set(base);
    const known = tried.filter((part) => accepted.has(part));
    const start = known.length > 0 && (await acceptsOnly(known)) ? known : [];
    if (start.length === 0 && !(await acceptsOnly([]))) throw error;
    const isKnown = new Set(start);
    const suspects = tried.filter((part) => !isKnown.has(part));
    const beside = (context: readonly Part[]) => {
      return { accepts: (some: readonly Part[]) => acceptsOnly([...context, ...some]), most: mostQuestions };
    };
    // The rules of VIPs name links, so VIPs are judged beside the links.
    const links = await findAccepted([], suspects.filter(isLink), beside(start.filter(isLink)));
    const context = [...start.filter(isLink), ...links.accepted];
    const others = suspects.filter((part) => !isLink(part));
    const rest = await findAccepted(
      start.filter((part) => !isLink(part)),
      others,
      beside(context),
    );
    const refused = [...links.refused, ...rest.refused];
    const unjudged = [...links.unjudged, ...rest.unjudged];
    const now = clock();
    const pauseOf = (part: Part) => {
      const last = before.get(part);
      return last === undefined ? pauses.firstMs : Math.min(2 * (last.dueAt - last.at), pauses.mostMs);
    };
    const noted = (part: Part, pauseMs: number) =>
      [part, { facts: factsOf(part, path), at: now, dueAt: now + pauseMs }] as const;
    this.#refusals = new Map([
      ...[...before].filter(([part]) => leftOut.has(part)),
      ...refused.map((part) => noted(part, pauseOf(part))),
      ...unjudged.map((part) => noted(part, pauses.firstMs)),
    ]);
    return refused.filter((part) => !before.has(part));
  }
}
