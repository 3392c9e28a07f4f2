/** One way in which Berth and kube-proxy carry traffic together: a column of the matrix of promises. */
import type { ProxyMode } from '../../lab/plan.ts';
import { isAll } from '../../lab/scope.ts';

/** How a node passes VIP traffic on. */
export type HandOff = 'KubeProxy' | 'NodePort';

/** Which nodes serve a VIP. */
export type Distribution = 'Single' | 'Spread';

/** A column of the matrix. */
export interface Column {
  readonly proxyMode: ProxyMode;
  readonly handOff: HandOff;
  readonly distribution: Distribution;
}

/** The annotation with which a Service requests a hand-off. */
export const handOffAnnotation = 'berth.dev/hand-off';

/** The annotations of a Service for each hand-off, and the `ipMode` that its status then has. */
const handOffs: Readonly<
  Record<HandOff, { readonly annotations: Readonly<Record<string, string>>; readonly ipMode: string }>
> = {
  KubeProxy: { annotations: {}, ipMode: 'VIP' },
  NodePort: { annotations: { [handOffAnnotation]: 'NodePort' }, ipMode: 'Proxy' },
};

/** The fields of the L2Advertisement for each distribution. */
const distributions: Readonly<Record<Distribution, Readonly<Record<string, unknown>>>> = {
  Single: {},
  Spread: { distribution: 'Spread' },
};

/** The modes of kube-proxy in the matrix. */
const proxyModes: readonly ProxyMode[] = ['iptables', 'nftables'];

/** All columns of the matrix. */
export const columns: readonly Column[] = proxyModes.flatMap(allOf);

function allOf(proxyMode: ProxyMode): readonly Column[] {
  const ways = Object.keys(distributions) as Distribution[];
  return (Object.keys(handOffs) as HandOff[]).flatMap((handOff) =>
    ways.map((distribution) => ({ proxyMode, handOff, distribution })),
  );
}

/**
 * The columns of every run. They have each mode with each hand-off and each distribution, and each hand-off with each distribution.
 * Only runs of all have the other half, which has the same pairs in other combinations of three.
 */
const pairs: readonly string[] = [
  'iptables/KubeProxy/Single',
  'iptables/NodePort/Spread',
  'nftables/KubeProxy/Spread',
  'nftables/NodePort/Single',
];

/** The columns that are run on a cluster whose kube-proxy works in this mode. */
export function columnsOf(proxyMode: ProxyMode, all = isAll): readonly Column[] {
  const ofMode = allOf(proxyMode);
  const isWhole = all || !proxyModes.includes(proxyMode);
  return isWhole ? ofMode : ofMode.filter((column) => pairs.includes(columnName(column)));
}

/** A column's name, as in the matrix. */
export function columnName({ proxyMode, handOff, distribution }: Column): string {
  return `${proxyMode}/${handOff}/${distribution}`;
}

/** The annotations that Services of this column carry. */
export function annotationsOf({ handOff }: Column): Readonly<Record<string, string>> {
  return handOffs[handOff].annotations;
}

/** The `ipMode` in the status of Services of this column. */
export function ipModeOf({ handOff }: Pick<Column, 'handOff'>): string {
  return handOffs[handOff].ipMode;
}

/** The fields of the L2Advertisement's spec in this column, besides the pool. */
export function advertisementOf({ distribution }: Column): Readonly<Record<string, unknown>> {
  return distributions[distribution];
}
