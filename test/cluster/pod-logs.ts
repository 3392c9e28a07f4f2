/** The logs of Berth's Pods. */
import { ApiError } from '../lab/api.ts';
import type { Lab } from '../lab/cluster.ts';
import { namespace } from './berth.ts';

/** The logs of all Pods of a component since a moment, one Pod after the other. */
export async function logsOf(lab: Lab, component: 'controller' | 'speaker', since: Date): Promise<string> {
  const labelSelector = `app.kubernetes.io/component=${component}`;
  const pods = await lab.api.list('pods', { namespace, labelSelector });
  const texts = pods.map(async ({ metadata: { name } }) => {
    // A container that is being created has no log yet.
    const nothing = (error: unknown) => {
      if (error instanceof ApiError) return '';
      throw error;
    };
    return lab.api.log(name, { namespace, since }).catch(nothing);
  });
  return (await Promise.all(texts)).join('');
}
