/**
 * Loads a large ruleset in stages. The kernel takes about 10,000 source ranges in a second, and nft gets a minute for a
 * transaction. So the source ranges that are not loaded yet follow in transactions of their own: first those of the
 * Services that have few. Until they are loaded, fewer clients are admitted, never more.
 */
import { addCommands, type Collection, isSameShape, type Ruleset, type Table, tableName } from './ruleset.ts';

/** One stage has at most this many such elements of a set. */
const mostOfStage = 5_000;

/**
 * The first stage of a table that is created again has at most this many: nft needs about ten seconds for them. The
 * table in the kernel may have had them, and its clients must not be refused for a moment because a speaker has restarted.
 */
const mostAtOnce = 100_000;

type Element = readonly [key: string, value: string];

/** The elements of a set that follow later. */
interface Late {
  /** The set in nft's language. */
  readonly at: string;
  /** The elements of the set in the first ruleset. */
  readonly loaded: Map<string, string>;
  /** What follows. */
  readonly rest: Element[];
}

/** The stages from one ruleset to another. */
export class Stages {
  /** The ruleset of the first stage. The elements of later ones are added to it when they are loaded. */
  readonly first: Ruleset;
  readonly #late: Late[] = [];

  /** `before` is in the kernel; undefined: tables are there, and nothing of them stays. */
  constructor(before: Ruleset | undefined, after: Ruleset) {
    this.first = after.map((table) => {
      const former = before?.find(({ family }) => family === table.family);
      return this.#firstOf(former, table, before === undefined || former !== undefined);
    });
  }

  /** The commands of the next stage; undefined: everything is loaded. */
  get next(): string | undefined {
    const [late] = this.#late;
    return late && `${addCommands(late.at, late.rest.slice(0, mostOfStage)).join('\n')}\n`;
  }

  /** The kernel has accepted the commands of {@link next}. */
  loaded(): void {
    const [late] = this.#late;
    for (const [key, value] of late?.rest.splice(0, mostOfStage) ?? []) late?.loaded.set(key, value);
    if (late?.rest.length === 0) this.#late.shift();
  }

  #firstOf(before: Table | undefined, table: Table, isThere: boolean): Table {
    const isNewAgain = isThere && (before === undefined || !isSameShape(before, table));
    const collections = [...table.collections].map(([name, collection]) => {
      const loaded = isNewAgain ? undefined : (before?.collections.get(name)?.elements ?? new Map<string, string>());
      return [name, this.#firstElements(`${table.family} ${tableName} ${name}`, collection, loaded)] as const;
    });
    return collections.every(([name, one]) => one === table.collections.get(name))
      ? table
      : { ...table, collections: new Map(collections) };
  }

  #firstElements(at: string, collection: Collection, before: Collection['elements'] | undefined): Collection {
    const most = before === undefined ? mostAtOnce : mostOfStage;
    if (collection.mayFollow !== true || collection.elements.size <= most) return collection;
    const isLoaded = ([key, value]: Element) => before?.get(key) === value;
    const rest = [...collection.elements].filter((one) => !isLoaded(one)).slice(most);
    if (rest.length === 0) return collection;
    const loaded = new Map(collection.elements);
    for (const [key] of rest) loaded.delete(key);
    this.#late.push({ at, loaded, rest });
    return { ...collection, elements: loaded };
  }
}
