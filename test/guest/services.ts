/**
 * Tests what the Kubernetes documentation of Services promises for LoadBalancer, in a mode of
 * kube-proxy that needs the guest's kernel.
 */
import { installBerth } from '../cluster/berth.ts';
import { columnsOf } from '../cluster/promises/column.ts';
import { keepPromises } from '../cluster/promises/keep.ts';
import { downLab, upLab } from '../lab/cluster.ts';
import type { ProxyMode } from '../lab/plan.ts';

const log = (line: string) => process.stderr.write(`lab: ${line}\n`);

/** Tests all promises on a cluster of its own. */
export function testServices(proxyMode: ProxyMode): void {
  const id = `pods${proxyMode.replace('-', '')}`;
  keepPromises(columnsOf(proxyMode), {
    up: async () => {
      const lab = await upLab({ id, nodes: 3, proxyMode, log });
      await lab.buildBerth();
      await installBerth(lab);
      return lab;
    },
    down: () => downLab(id),
  });
}
