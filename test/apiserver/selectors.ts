/** Selectors: the objects that a list or a watch requests. */
import { type ApiObject, type Fields, isFields } from './objects.ts';

/** Whether the selector matches an object. */
export type Selector = (object: ApiObject) => boolean;

/** The selector of a query, by namespace, labels and fields. */
export function selectorOf(query: Readonly<Record<string, string>>, namespace: string | undefined): Selector {
  const labels = partsOf(query.labelSelector).map(labelTest);
  const fields = partsOf(query.fieldSelector).map(fieldTest);
  return (object) =>
    (namespace === undefined || object.metadata.namespace === namespace) &&
    labels.every((test) => test(object.metadata.labels ?? {})) &&
    fields.every((test) => test(object));
}

function partsOf(text = ''): readonly string[] {
  return text
    .split(/,(?![^(]*\))/)
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

function labelTest(text: string): (labels: Readonly<Record<string, string>>) => boolean {
  const set = /^(\S+)\s+(in|notin)\s*\(([^)]*)\)$/.exec(text);
  if (set) {
    const [, key = '', word, list = ''] = set;
    const values = list.split(',').map((value) => value.trim());
    return (labels) => (labels[key] !== undefined && values.includes(labels[key])) === (word === 'in');
  }
  const pair = /^([^=!\s]+)\s*(==|=|!=)\s*(.*)$/.exec(text);
  if (pair) {
    const [, key = '', operator, value] = pair;
    return (labels) => (labels[key] === value) === (operator !== '!=');
  }
  const isAbsent = text.startsWith('!');
  const key = isAbsent ? text.slice(1) : text;
  return (labels) => Object.hasOwn(labels, key) !== isAbsent;
}

function fieldTest(text: string): Selector {
  const [, path = '', operator, value = ''] = /^([^=!]+)(==|=|!=)(.*)$/.exec(text) ?? [];
  return (object) => {
    let at: unknown = object;
    for (const key of path.split('.')) at = isFields(at) ? (at as Fields)[key] : undefined;
    return (`${at ?? ''}` === value) === (operator !== '!=');
  };
}
