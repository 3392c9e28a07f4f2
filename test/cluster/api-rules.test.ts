/**
 * The real API server follows the same rules as the in-memory API server of other tests. So the results of tests with the in-memory one
 * are valid for the real one.
 */
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import type { WatchEvent } from '../apiserver/history.ts';
import type { AskedApi } from '../apiserver/rules/asking.ts';
import { rulesOfApi } from '../apiserver/rules.ts';
import type { Call } from '../lab/api-connection.ts';
import * as berth from './berth.ts';

const lab = berth.sharedLab();
const where = { namespace: berth.namespace };
/** Past events arrive at once, so a watch of one second is enough. */
const timeoutSeconds = '1';

const realApi: AskedApi = {
  request: async (request) => {
    const { status, body } = await lab.api.answer(request as Call);
    return { status, body: JSON.parse(body) };
  },
  watch: async (path, query, wanted) => {
    const { body } = await lab.api.answer({ path, query: { ...query, watch: 'true', timeoutSeconds } });
    const events = body.split('\n').filter((line) => line !== '');
    return events.slice(0, wanted).map((line) => JSON.parse(line) as WatchEvent);
  },
};

let replicas = 0;

before(async () => {
  // A controller would delete the entries of Services that do not exist.
  const controller = await lab.api.find<{ spec: { replicas: number } }>('deployments', 'berth-controller', where);
  replicas = controller?.spec.replicas ?? 0;
  if (controller !== undefined) await berth.scaleController(lab, 0);
  const crd = new URL('../../crds/berth.dev_ipallocations.yaml', import.meta.url);
  await lab.api.apply(readFileSync(crd, 'utf8'));
  await berth.established(lab, 'ipallocations.berth.dev');
});
after(async () => {
  if (replicas > 0) await berth.scaleController(lab, replicas);
});

for (const { name, check } of rulesOfApi(realApi)) test(name, check);
