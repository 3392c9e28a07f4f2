/** Tells the objects in a document from everything else that may contain configuration of MetalLB: nothing is passed over in silence. */
import { brief } from '../../api/text.ts';
import { excludesLinks } from './convert/excluded-links.ts';
import { FieldReport, type FieldRow } from './convert/field-report.ts';
import { isManifest, isMap, isOfMetalLb, itemsOf, type Manifest, titleOf } from './convert/manifest.ts';
import { readOldConfig } from './convert/old-pools.ts';

/** The content of some documents. */
export interface Forms {
  /** All objects, of whatever kind. */
  readonly objects: readonly Manifest[];
  /** What contains configuration of MetalLB in a form that is not understood. */
  readonly rows: readonly FieldRow[];
  /** The kinds of all other objects, one for each of them. */
  readonly others: readonly string[];
}

/** No content. */
export const noForms: Forms = { objects: [], rows: [], others: [] };

/** The content of two parts. */
export function joinForms(a: Forms, b: Forms): Forms {
  return { objects: [...a.objects, ...b.objects], rows: [...a.rows, ...b.rows], others: [...a.others, ...b.others] };
}

/** Whether a text speaks of MetalLB. */
export function mentionsMetalLb(text: string): boolean {
  return /metallb|IPAddressPool|L2Advertisement|address-pools/i.test(text);
}

/** Reads a document; `where` names it. */
export function formsIn(document: unknown, where: string): Forms {
  return itemsOf(document)
    .map((item) => formOf(item, where))
    .reduce(joinForms, noForms);
}

function formOf(item: unknown, where: string): Forms {
  if (isManifest(item)) return formOfObject(item, where);
  const notes = new FieldReport(where);
  if (isMap(item) && typeof item.apiVersion === 'string' && isOfMetalLb({ apiVersion: item.apiVersion })) {
    const what = `an object of kind ${brief(String(item.kind))} whose metadata.name is not a text`;
    notes.unread('', what, 'correct the indentation, or put the name in quotes');
    return { ...noForms, rows: notes.rows };
  }
  reportHidden(item, notes);
  return {
    ...noForms,
    rows: notes.rows,
    others: notes.rows.length > 0 || item === null ? [] : ['documents without a kind'],
  };
}

function formOfObject(object: Manifest, where: string): Forms {
  if (isOfMetalLb(object) || readOldConfig(object) !== undefined) return { ...noForms, objects: [object] };
  if (object.kind === 'Service' || excludesLinks(object)) return { ...noForms, objects: [object] };
  const notes = new FieldReport(`${where}, ${titleOf(object)}`);
  reportHidden(object, notes);
  const isKnown = notes.rows.length > 0;
  return { objects: [object], rows: notes.rows, others: isKnown ? [] : [object.kind] };
}

function reportHidden(value: unknown, notes: FieldReport): void {
  for (const path of hiddenIn(value, ''))
    notes.unread(
      path,
      'it contains configuration of MetalLB',
      'give the objects that it makes: the output of helm template, kustomize build, oc process or kubectl get',
    );
  const annotated = notes.isUnread ? undefined : annotationIn(value);
  if (annotated !== undefined)
    notes.adapted(
      annotated,
      'annotations for a Service that this object makes: Berth reads them as MetalLB does, except a sharing key over several namespaces',
      'give the Services themselves, or check the keys: docs/allocation.md, Sharing',
    );
}

/** The first annotation of MetalLB in a value that is no Service; undefined if there is none. */
function annotationIn(value: unknown): string | undefined {
  if (typeof value === 'string') return ofServices.exec(value)?.[0];
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [key, one] of Object.entries(value)) {
    if (ofServices.test(key)) return key;
    const inside = key === lastApplied ? undefined : annotationIn(one);
    if (inside !== undefined) return inside;
  }
  return undefined;
}

/** The paths of everything in a value that looks like configuration of MetalLB: objects in templates, values of Helm, texts. */
function hiddenIn(value: unknown, path: string): readonly string[] {
  if (typeof value === 'string') return isConfiguration(value) ? [path] : [];
  if (Array.isArray(value)) return value.flatMap((one, i) => hiddenIn(one, `${path}[${i}]`));
  if (!isMap(value)) return [];
  const { apiVersion, kind } = value;
  if (typeof apiVersion === 'string' && typeof kind === 'string' && isOfMetalLb({ apiVersion })) return [path];
  return Object.entries(value).flatMap(([key, one]) => {
    const at = path === '' ? key : `${path}.${key}`;
    const isOldConfig = key === 'address-pools' || key === 'configInline';
    if (isOldConfig && one !== null && Object.keys(one as object).length > 0) return [at];
    return key === lastApplied ? [] : hiddenIn(one, at);
  });
}

/** The annotations that MetalLB reads of Services. */
const ofServices = /\bmetallb\.(?:io|universe\.tf)\/(?:address-pool|allow-shared-ip|loadBalancerIPs)\b/;
/** The annotation in which kubectl keeps a copy of the object itself. */
const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';

/** Whether a text contains an object of MetalLB, or its configuration until 0.12. */
export function isConfiguration(text: string): boolean {
  return /\bmetallb\.io\/v\d/.test(text) ? /\bkind\b/.test(text) : /^[\s-]*["']?address-pools["']?:/m.test(text);
}
