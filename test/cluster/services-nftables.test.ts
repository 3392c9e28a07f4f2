/** What the Services documentation of Kubernetes promises for LoadBalancer, with kube-proxy in nftables mode: on a lab of its own. */
import { downLab, downOnInterrupt, type Lab, upLab } from '../lab/cluster.ts';
import { sharedId } from '../lab/shared.ts';
import { installBerth } from './berth.ts';
import { columnsOf } from './promises/column.ts';
import { keepPromises } from './promises/keep.ts';

const id = `${sharedId()}nft`;
/** As for the shared lab: if the variable is set, the cluster stays for inspection. */
const keep = process.env.BERTH_LAB_KEEP !== undefined;

async function down(): Promise<void> {
  if (!keep) await downLab(id);
}

async function up(): Promise<Lab> {
  if (!keep) downOnInterrupt(id);
  // The tests need a new cluster, not the remains of a run that was killed.
  await down();
  const lab = await upLab({ id, nodes: 3, proxyMode: 'nftables' });
  await lab.importBerth();
  await installBerth(lab);
  return lab;
}

keepPromises(columnsOf('nftables'), { up, down });
