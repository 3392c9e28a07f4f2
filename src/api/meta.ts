/** Metadata, conditions and selectors, as in the objects that the API server sends. */

/** Metadata as the API server sends it; times are RFC 3339 text. */
export interface RawMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly finalizers?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly managedFields?: readonly RawManagedField[];
}

/** The fields that one field manager owns (server-side apply). */
export interface RawManagedField {
  readonly manager?: string;
  /** RFC 3339. */
  readonly time?: string;
  readonly subresource?: string;
  readonly fieldsV1?: Readonly<Record<string, unknown>>;
}

/** A condition as in `meta/v1`. */
export interface Condition {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
  readonly lastTransitionTime: string;
}

/** The conditions of a status that have all their fields. The schema requires them, if its rules are in effect. */
export function wholeConditions(conditions: unknown): readonly Condition[] {
  const isWhole = (one: Partial<Condition> | null) =>
    [one?.type, one?.status, one?.reason, one?.message].every((field) => typeof field === 'string');
  return Array.isArray(conditions) ? conditions.filter(isWhole) : [];
}

/** The identity in every view: which object it is, and which version of it was read. */
export interface Identity {
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
}

/** The identity in an object's metadata. */
export function identityOf(meta: RawMeta): Identity {
  return { name: meta.name, uid: meta.uid, resourceVersion: meta.resourceVersion };
}

/** The value of a key that a user chose: every object has properties such as `constructor`. */
export function ownOf<T>(map: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(map, key) ? map[key] : undefined;
}

/** A label selector (`meta/v1` LabelSelector). */
export interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
    readonly values?: readonly string[];
  }[];
}

/** Does the selector match an object with these labels? An empty selector matches every object. */
export function selects(selector: LabelSelector, labels: Readonly<Record<string, string>>): boolean {
  const pairs = Object.entries(selector.matchLabels ?? {});
  if (!pairs.every(([key, value]) => ownOf(labels, key) === value)) return false;
  return (selector.matchExpressions ?? []).every(({ key, operator, values = [] }) => {
    const value = ownOf(labels, key);
    switch (operator) {
      case 'In':
        return value !== undefined && values.includes(value);
      case 'NotIn':
        return value === undefined || !values.includes(value);
      case 'Exists':
        return value !== undefined;
      case 'DoesNotExist':
        return value === undefined;
      default:
        return false;
    }
  });
}
