/** L2Advertisement: where the addresses of which pools may be announced. */
import { type Identity, identityOf, type LabelSelector, type RawMeta, selects } from './meta.ts';

/** L2Advertisement as the API server sends it. */
export interface RawAdvertisement {
  readonly metadata: RawMeta;
  readonly spec?: {
    readonly ipAddressPools?: readonly string[];
    readonly nodeSelectors?: readonly LabelSelector[];
    readonly interfaces?: readonly string[];
    readonly distribution?: string;
  };
}

/** Which nodes serve a VIP: its holder alone, or all that may, with the holder passing packets on. */
export type Distribution = 'Single' | 'Spread';

/** What we need of an advertisement. Each empty list means all. */
export interface AdvertisementView extends Identity {
  readonly pools: readonly string[];
  readonly nodeSelectors: readonly LabelSelector[];
  /** Names of links, or globs with `*` and `?`. */
  readonly interfaces: readonly string[];
  readonly distribution: Distribution;
}

/** The view of an advertisement. */
export function parseAdvertisement(raw: RawAdvertisement): AdvertisementView {
  return {
    ...identityOf(raw.metadata),
    pools: raw.spec?.ipAddressPools ?? [],
    nodeSelectors: raw.spec?.nodeSelectors ?? [],
    interfaces: raw.spec?.interfaces ?? [],
    distribution: raw.spec?.distribution === 'Spread' ? 'Spread' : 'Single',
  };
}

/** Does the advertisement cover the addresses of a pool? */
export function coversPool(advertisement: AdvertisementView, pool: string): boolean {
  return advertisement.pools.length === 0 || advertisement.pools.includes(pool);
}

/** May a node with these labels announce what the advertisement covers? */
export function coversNode(advertisement: AdvertisementView, labels: Readonly<Record<string, string>>): boolean {
  const { nodeSelectors } = advertisement;
  return nodeSelectors.length === 0 || nodeSelectors.some((selector) => selects(selector, labels));
}
