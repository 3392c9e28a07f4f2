/** L2Advertisement: selects the pools whose addresses are announced, and the nodes and links that may announce them. */
import type { AllocationView } from './allocation.ts';
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

/** The nodes that serve a VIP: its holder alone (`Single`), or all eligible nodes, to which the holder forwards packets (`Spread`). */
type Distribution = 'Single' | 'Spread';

/** The fields of an advertisement that Berth uses. An empty list means all. */
export interface AdvertisementView extends Identity {
  readonly pools: readonly string[];
  readonly nodeSelectors: readonly LabelSelector[];
  /** Names of links, or glob patterns with `*` and `?`. */
  readonly interfaces: readonly string[];
  readonly distribution: Distribution;
  /** It is being deleted since this time (RFC 3339), and waits for a finalizer: it covers no address that came later. undefined: it is not. */
  readonly endingSince: string | undefined;
}

/** The view of an advertisement. */
export function parseAdvertisement(raw: RawAdvertisement): AdvertisementView {
  return {
    ...identityOf(raw.metadata),
    pools: raw.spec?.ipAddressPools ?? [],
    nodeSelectors: raw.spec?.nodeSelectors ?? [],
    interfaces: raw.spec?.interfaces ?? [],
    distribution: raw.spec?.distribution === 'Spread' ? 'Spread' : 'Single',
    endingSince: raw.metadata.deletionTimestamp,
  };
}

/** Does the advertisement cover new addresses of a pool? */
export function coversPool(advertisement: AdvertisementView, pool: string): boolean {
  return advertisement.endingSince === undefined && namesPool(advertisement, pool);
}

/**
 * Does the advertisement cover this address? One that is being deleted goes on with the addresses that it covers already, until it is gone.
 * Every speaker decides this from the same two times of the API server.
 */
export function coversEntry(
  advertisement: AdvertisementView,
  { pool, created, adopted }: Pick<AllocationView, 'pool' | 'created' | 'adopted'>,
): boolean {
  const { endingSince } = advertisement;
  return namesPool(advertisement, pool) && (endingSince === undefined || adopted || created <= endingSince);
}

function namesPool({ pools }: AdvertisementView, pool: string): boolean {
  return pools.length === 0 || pools.includes(pool);
}

/** May a node with these labels announce the addresses of the advertisement? */
export function coversNode(advertisement: AdvertisementView, labels: Readonly<Record<string, string>>): boolean {
  const { nodeSelectors } = advertisement;
  return nodeSelectors.length === 0 || nodeSelectors.some((selector) => selects(selector, labels));
}
