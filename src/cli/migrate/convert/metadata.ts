/** Converts what every object has besides its spec: its name, its labels, and nothing else. */
import { brief } from '../../../api/text.ts';
import type { FieldReport } from './field-report.ts';
import { isMap, type Manifest } from './manifest.ts';

/** The metadata of an object to create. */
export interface NewMetadata {
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
}

/** Fields that the API server and its clients write. */
const written = ['apiVersion', 'kind', 'metadata', 'spec', 'status'];
/** Annotations that say how an object was applied. */
const ofTools = /(^|\.)(kubernetes\.io|helm\.sh)\//;

/** Reads the metadata. A field beside `spec` belongs into it, so the object is not understood. */
export function convertMetadata(raw: Manifest, notes: FieldReport): NewMetadata {
  const { name, namespace, labels, annotations } = raw.metadata;
  for (const field of Object.keys(raw).filter((one) => !written.includes(one)))
    notes.unread(field, 'it stands beside spec, not in it', 'correct the indentation');
  // RFC 1123, section 2.1: a name of an object is a name of a host.
  if (name.length > 253 || !/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/.test(name))
    notes.unread('metadata.name', `"${brief(name)}" is not a name`, 'replace the placeholder, or correct the name');
  if (!isText(namespace ?? ''))
    notes.unread('metadata.namespace', `${JSON.stringify(namespace)} is not a text`, 'put it in quotes');
  const others = Object.keys(annotations ?? {}).filter((key) => !ofTools.test(key));
  if (others.length > 0)
    notes.notCarried('metadata.annotations', `${others.map(brief).join(', ')}: annotations are not copied`);
  return { name, ...convertLabels(labels, notes) };
}

/** Keeps the labels, except those of Helm and Kubernetes. */
function convertLabels(labels: unknown, notes: FieldReport): Pick<NewMetadata, 'labels'> {
  if (labels === undefined || labels === null) return {};
  if (!isMap(labels) || !Object.values(labels).every(isText)) {
    notes.unread('metadata.labels', `${brief(JSON.stringify(labels))} are not texts`, 'put the values in quotes');
    return {};
  }
  const [own, left] = [false, true].map((isOfTools) =>
    Object.entries(labels as Readonly<Record<string, string>>).filter(([key]) => ofTools.test(key) === isOfTools),
  );
  if (left?.length)
    notes.notNeeded(
      'metadata.labels',
      `${left.map(([key]) => key).join(', ')}: labels of the tool that installed MetalLB`,
    );
  if (!own?.length) return {};
  notes.carried('metadata.labels', own.map(([key]) => key).join(', '));
  return { labels: Object.fromEntries(own) };
}

function isText(value: unknown): boolean {
  return typeof value === 'string';
}
