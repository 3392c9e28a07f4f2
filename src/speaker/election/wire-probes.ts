/** Sends the probes that the election needs, and tells it which of them could not be sent. */
import type { Ip } from '../../addr/ip.ts';
import type { HolderElector } from '../../election/holder-elector.ts';
import type { DueProbe } from '../../election/holder-probes.ts';
import type { Probe } from '../../election/link-probes.ts';
import type { Vip } from '../../election/view.ts';

/** A probe for an address. */
export interface WireProbe {
  readonly address: Ip;
  /** The names of the links on which the address is expected. */
  readonly links: readonly string[];
  /** The hardware address of the only host that gets it; undefined: all hosts get it. */
  readonly to?: string;
}

/** The probes of a tick. */
interface DueProbes {
  readonly holderProbes: readonly DueProbe[];
  readonly linkProbes: readonly Probe[];
}

/** Sends the probes of a tick: for a VIP on the links where this node would announce it, for a peer's address on the link that is in doubt. */
export function sendProbes(
  elector: Pick<HolderElector, 'unsent'>,
  { holderProbes, linkProbes }: DueProbes,
  { node, probe }: { readonly node: string; readonly probe: (probes: readonly WireProbe[]) => readonly WireProbe[] },
): void {
  if (holderProbes.length + linkProbes.length === 0) return;
  const vips = new Map(
    holderProbes.map(({ vip, to }): [WireProbe, Vip] => [
      { address: vip.address, links: vip.linksOf(node) ?? [], ...(to !== undefined && { to }) },
      vip,
    ]),
  );
  const links = new Map<WireProbe, string>(linkProbes.map(({ address, link }) => [{ address, links: [link] }, link]));
  const unsent = probe([...vips.keys(), ...links.keys()]);
  elector.unsent({
    vips: unsent.flatMap((one) => vips.get(one) ?? []),
    links: [...new Set(unsent.flatMap((one) => links.get(one) ?? []))],
  });
}
