/** Finds the parts that a judge refuses, by dividing what is refused into halves. */

/** The result of a search. */
interface Acceptance<P> {
  /** Together they are accepted. */
  readonly accepted: readonly P[];
  /** Each of them is refused alone, or beside the accepted ones that come before it. */
  readonly refused: readonly P[];
  /** The judge would have been asked too often. */
  readonly unjudged: readonly P[];
}

/** The judge. */
interface Judge<P> {
  /** Whether these parts are accepted together. The cost grows with their number. */
  readonly accepts: (parts: readonly P[]) => Promise<boolean>;
  /** It is asked at most this often, and once more at the end. */
  readonly most: number;
}

/**
 * Divides the suspects, which are refused beside `base`, into those that are accepted beside it and those that are not.
 * `base` must be accepted. Of two parts that are refused only together, the first one is accepted.
 *
 * Each part is judged without the others first, because questions about few parts are cheap: one refused part of n costs
 * as much as about three questions about all. Only if what is left is refused together, it is judged part by part
 * beside `base`.
 */
export async function findAccepted<P>(
  base: readonly P[],
  suspects: readonly P[],
  { accepts, most }: Judge<P>,
): Promise<Acceptance<P>> {
  let asked = 0;
  /** Sorts the parts of a group. `beside` are parts that are accepted; the accepted ones are added to them. */
  const sort = async (group: readonly P[], beside: P[] | undefined): Promise<Acceptance<P>> => {
    const none = { accepted: [], refused: [], unjudged: [] };
    if (group.length === 0) return none;
    if (asked >= most) return { ...none, unjudged: group };
    asked++;
    if (await accepts([...(beside ?? []), ...group])) {
      beside?.push(...group);
      return { ...none, accepted: group };
    }
    if (group.length === 1) return { ...none, refused: group };
    const half = group.length >> 1;
    return joined(await sort(group.slice(0, half), beside), await sort(group.slice(half), beside));
  };
  const alone = await sort(suspects, undefined);
  const all = [...base, ...alone.accepted];
  if (alone.accepted.length === 0 || (await accepts(all))) return { ...alone, accepted: all };
  const together = await sort(alone.accepted, [...base]);
  return joined({ ...alone, accepted: base }, together);
}

function joined<P>(one: Acceptance<P>, other: Acceptance<P>): Acceptance<P> {
  return {
    accepted: [...one.accepted, ...other.accepted],
    refused: [...one.refused, ...other.refused],
    unjudged: [...one.unjudged, ...other.unjudged],
  };
}
