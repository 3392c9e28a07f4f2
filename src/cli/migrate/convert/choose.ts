/** Chooses the objects that count: MetalLB reads those of its own namespace, and of two with one name a cluster has one. */
import { FieldReport, type FieldRow } from './field-report.ts';
import { type Manifest, titleOf } from './manifest.ts';

/** The objects that are converted, and the rows of those that are not. */
interface Choice {
  readonly kept: readonly Manifest[];
  readonly rows: readonly FieldRow[];
}

/** The namespace of MetalLB's own manifests, chart and documentation. */
const usualNamespace = 'metallb-system';

/**
 * Chooses among MetalLB's objects. `homes` are the namespaces in which MetalLB's programs run; without any, the usual namespace counts
 * if an object is there. An object without a namespace is in the namespace to which it will be applied.
 */
export function chooseObjects(objects: readonly Manifest[], homes: readonly string[]): Choice {
  const named = [...new Set(objects.flatMap(namespaceOf))];
  const known = homes.length > 0 ? homes : named.includes(usualNamespace) ? [usualNamespace] : named;
  const isOutside = (object: Manifest) => namespaceOf(object).some((one) => !known.includes(one));
  const [inside, outside] = [false, true].map((is) => objects.filter((object) => isOutside(object) === is));
  const ignored = `MetalLB ignores it: it reads objects of its own namespace only (${known.join(', ')})`;
  const rows = (outside ?? []).flatMap((object) => reportOn(object, (notes) => notes.notCarried('', ignored)));
  const { kept, rows: doubled } = withoutDoubles(inside ?? []);
  return { kept, rows: [...rows, ...doubled] };
}

/** Files may contain a name twice. In one namespace the last object counts, as after an apply; of two namespaces no one can say. */
function withoutDoubles(objects: readonly Manifest[]): Choice {
  const byName = Map.groupBy(objects, ({ kind, metadata }) => `${kind}/${metadata.name}`);
  const kept: Manifest[] = [];
  const rows: FieldRow[] = [];
  for (const same of byName.values()) {
    const namespaces = [...new Set(same.flatMap(namespaceOf))];
    if (namespaces.length > 1) {
      const what = `the name occurs in the namespaces ${namespaces.join(', ')}, and MetalLB reads one of them only`;
      const todo = 'leave out the objects that MetalLB ignores';
      rows.push(...same.flatMap((one) => reportOn(one, (notes) => notes.unread('', what, todo))));
      continue;
    }
    const last = same.at(-1);
    if (last !== undefined) kept.push(last);
    const what = 'the files contain another object of this kind and name below: only the last one counts';
    const todo = 'give each its own name';
    rows.push(...same.slice(0, -1).flatMap((one) => reportOn(one, (notes) => notes.notCarried('', what, todo))));
  }
  return { kept, rows };
}

function reportOn(object: Manifest, report: (notes: FieldReport) => void): readonly FieldRow[] {
  const notes = new FieldReport(titleOf(object));
  report(notes);
  return notes.rows;
}

/** The namespace of an object, if it names one. */
function namespaceOf({ metadata: { namespace } }: Manifest): readonly string[] {
  return typeof namespace === 'string' ? [namespace] : [];
}
