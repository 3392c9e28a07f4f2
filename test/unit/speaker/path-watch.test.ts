/** When a node's rules are made anew. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DataPath } from '../../../src/dataplane/path.ts';
import { createLogger } from '../../../src/runtime/logger.ts';
import { PathWatch } from '../../../src/speaker/path-watch.ts';
import type { Watched } from '../../../src/speaker/snapshot.ts';
import { SpreadWatch } from '../../../src/speaker/spread-watch.ts';
import { eventually } from '../../lab/poll.ts';

/** Informers that know that there is nothing. */
function emptyWatched(): Watched {
  const none = { known: true, store: { revision: 0, values: () => [], get: () => undefined } };
  const names = ['allocations', 'services', 'advertisements', 'nodes', 'endpointSlices', 'pods'];
  return Object.fromEntries(names.map((name) => [name, none])) as unknown as Watched;
}

test('A9 after a start no rules are made before the others were heard out: those from before know who serves', async () => {
  const made: DataPath[] = [];
  let looks = 0;
  const holding = { roll: { present: [] as string[], lost: [] }, linksOf: () => undefined };
  const tester = { observe: () => undefined, blockedOn: () => [] };
  const watch = new PathWatch({
    ...{ watched: emptyWatched(), holding, links: () => [], blockedOn: () => [], ask: () => undefined },
    demands: () => {
      looks++;
      return { vips: [], unwanted: [] };
    },
    spread: new SpreadWatch({ log: createLogger('speaker', 'silent'), tester, fault: () => undefined }),
    options: { nodeName: 'self', handOff: 'KubeProxy', synLimit: undefined, conntrackZone: 7932 },
    onPath: (path) => made.push(path),
  });
  const look = async () => {
    const before = looks;
    watch.look();
    await eventually('it has looked', () => looks > before, { everyMs: 1 });
  };
  try {
    await look();
    assert.equal(made.length, 0);
    holding.roll = { present: ['self'], lost: [] };
    await look();
    assert.deepEqual(
      made.map(({ self }) => self),
      ['self'],
    );
    await look();
    assert.equal(made.length, 1, 'nothing has changed');
  } finally {
    watch.close();
  }
});
