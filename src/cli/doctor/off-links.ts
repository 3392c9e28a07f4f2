/** The addresses of a pool that no node can answer for, because no link is in their network. */
import { isRange, parseRange } from '../../addr/range.ts';
import { type RangeSet, rangeSet, subtract } from '../../addr/range-set.ts';
import { type AdvertisementView, coversPool } from '../../api/advertisement.ts';
import type { PoolView } from '../../api/pool.ts';

/**
 * The ranges of a pool that are in the subnet of none of these links. A link answers for addresses of its own subnets only, unless an
 * advertisement of the pool contains its exact name: then no range is.
 */
export function rangesOffLinks(
  { name, ranges }: Pick<PoolView, 'name' | 'ranges'>,
  advertisements: readonly AdvertisementView[],
  links: readonly { readonly addresses: readonly string[] }[],
): RangeSet {
  const covering = advertisements.filter((advertisement) => coversPool(advertisement, name));
  if (covering.some(({ interfaces }) => interfaces.some((one) => !/[*?]/.test(one)))) return [];
  return subtract(ranges, rangeSet(links.flatMap(({ addresses }) => addresses.map(parseRange).filter(isRange))));
}
