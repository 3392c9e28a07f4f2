/**
 * Reports the links on which MetalLB's speakers do not announce: a list of regular expressions in a ConfigMap, which its manifests and its
 * chart create (`metallb-excludel2`). Berth excludes no link: an L2Advertisement names those to use.
 */
import { readYaml } from '../../yaml/read.ts';
import { FieldReport, type FieldRow } from './field-report.ts';
import { Fields } from './fields.ts';
import { isMap, type Manifest, titleOf } from './manifest.ts';

const field = 'announcedInterfacesToExclude';

/** Links of container runtimes, of network plugins and of kube-proxy: they have no subnet with other hosts, so Berth does not use them. */
const withoutHosts = /^\^?(docker|cbr|dummy|virbr|lxcbr|veth|lo|cali|tunl|flannel|kube-ipvs|cni|nodelocaldns|lxc)\b/;

/** Whether an object is such a ConfigMap. */
export function excludesLinks(raw: Manifest): boolean {
  return textsIn(raw).length > 0;
}

/** One row for the usual links, and one for each expression of the user's own. */
export function reportExcludedLinks(raw: Manifest): readonly FieldRow[] {
  const notes = new FieldReport(titleOf(raw));
  for (const [key, text] of textsIn(raw)) {
    const at = `data[${key}]`;
    const [document] = readYaml(text);
    if (document?.fault !== undefined) notes.unread(at, `it is not valid YAML: ${document.fault}`, 'correct it');
    const fields = new Fields(document?.value, at, notes);
    const own = fields.texts(field).filter((expression) => !withoutHosts.test(expression));
    for (const expression of own) {
      notes.notCarried(
        `${at}.${field}`,
        `"${expression}": Berth also announces on such links if they have an address in the subnet of the VIP`,
        'name the links to use in interfaces of the L2Advertisement',
      );
    }
    if (own.length === 0 && !notes.isUnread)
      notes.notNeeded(at, 'Berth does not use links of container runtimes and network plugins');
    fields.reportUnknown();
  }
  return notes.rows;
}

function textsIn(raw: Manifest & { readonly data?: unknown }): readonly (readonly [string, string])[] {
  if (raw.kind !== 'ConfigMap' || raw.apiVersion !== 'v1' || !isMap(raw.data)) return [];
  return Object.entries(raw.data).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string' && new RegExp(`^${field}:`, 'm').test(entry[1]),
  );
}
