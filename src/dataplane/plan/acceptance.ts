/** Finds the parts that a judge refuses, by dividing what is refused into halves. */

/** The result of a search. */
interface Acceptance<P> {
  /** Together they are accepted. */
  readonly accepted: readonly P[];
  /** Each of them is refused beside the accepted ones that come before it. */
  readonly refused: readonly P[];
  /** The judge would have been asked too often. */
  readonly unjudged: readonly P[];
}

/** The judge. */
interface Judge<P> {
  /** Whether these parts are accepted together. */
  readonly accepts: (parts: readonly P[]) => Promise<boolean>;
  /** It is asked at most this often. */
  readonly most: number;
}

/**
 * Divides the suspects, which are refused beside `base`, into those that are accepted beside it and those that are not.
 * Of two parts that are refused only together, the first one is accepted. `base` must be accepted. One refused part of
 * n is found by at most 2 log2(n) questions.
 */
export async function findAccepted<P>(
  base: readonly P[],
  suspects: readonly P[],
  { accepts, most }: Judge<P>,
): Promise<Acceptance<P>> {
  const [accepted, refused, unjudged] = [[...base], [] as P[], [] as P[]];
  let asked = 0;
  /** Whether the whole group was accepted. */
  const judge = async (group: readonly P[], isRefused: boolean): Promise<boolean> => {
    if (!isRefused && asked >= most) {
      unjudged.push(...group);
      return false;
    }
    if (!isRefused) {
      asked++;
      if (await accepts([...accepted, ...group])) {
        accepted.push(...group);
        return true;
      }
    }
    if (group.length <= 1) {
      refused.push(...group);
      return false;
    }
    const half = group.length >> 1;
    const isFirst = await judge(group.slice(0, half), false);
    // If the first half is accepted, the second one is the reason for the refusal of both.
    await judge(group.slice(half), isFirst);
    return false;
  };
  await judge(suspects, true);
  return { accepted, refused, unjudged };
}
