/** What the Services documentation of Kubernetes promises for LoadBalancer, with kube-proxy in nftables mode: on a lab of its own. */
import { downLab, downOnInterrupt, type Lab, upLab } from '../lab/cluster.ts';
import { sharedId } from '../lab/shared.ts';
import { installBerth } from './berth.ts';
import { columnsOf } from './promises/column.ts';
import { keepPromises } from './promises/keep.ts';

const id = `${sharedId()}nft`;
/** As of the shared lab: set, it leaves the cluster for a look at it. */
const keep = process.env.BERTH_LAB_KEEP !== undefined;

async function down(): Promise<void> {
  if (!keep) await downLab(id);
}

async function up(): Promise<Lab> {
  if (!keep) downOnInterrupt(id);
  // Tests shall find a new cluster, not what a run that was killed has left in it.
  await down();
  const lab = await upLab({ id, nodes: 3, proxyMode: 'nftables' });
  await lab.importBerth();
  await installBerth(lab);
  return lab;
}

keepPromises(columnsOf('nftables'), { up, down });
