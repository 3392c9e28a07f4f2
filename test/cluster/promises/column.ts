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

/** The annotation of a Service that asks for a hand-off. */
export const handOffAnnotation = 'berth.dev/hand-off';

/** What a hand-off asks of a Service, and what the Service's status says then. */
const handOffs: Readonly<
  Record<HandOff, { readonly annotations: Readonly<Record<string, string>>; readonly ipMode: string }>
> = {
  KubeProxy: { annotations: {}, ipMode: 'VIP' },
  NodePort: { annotations: { [handOffAnnotation]: 'NodePort' }, ipMode: 'Proxy' },
};

/** What a distribution asks of the L2Advertisement. */
const distributions: Readonly<Record<Distribution, Readonly<Record<string, unknown>>>> = {
  Single: {},
  Spread: { distribution: 'Spread' },
};

/** The modes of kube-proxy that the matrix is about. */
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
 * The columns of every run: each mode meets each hand-off and each distribution, and each hand-off each distribution. The other half, where
 * the same pairs meet in other threes, is for runs of all.
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

/** The `ipMode` that the status of Services of this column names. */
export function ipModeOf({ handOff }: Pick<Column, 'handOff'>): string {
  return handOffs[handOff].ipMode;
}

/** What the spec of the L2Advertisement says in this column, besides the pool. */
export function advertisementOf({ distribution }: Column): Readonly<Record<string, unknown>> {
  return distributions[distribution];
}
