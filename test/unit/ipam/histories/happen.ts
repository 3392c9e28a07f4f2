/** Lets the operations of a history happen. */
import type { MemoryCluster } from './cluster.ts';
import { kinds } from './knowledge.ts';
import type { Op } from './ops.ts';
import { written } from './random.ts';
import type { Replica } from './replica.ts';

/** The cluster and the two replicas. */
export interface Cast {
  readonly cluster: MemoryCluster;
  /** The replica that has read everything. */
  readonly leader: () => Promise<Replica>;
  /** The replica that lags behind. */
  readonly other: () => Promise<Replica>;
}

/** Lets one operation happen. */
export async function happen(op: Op, { cluster, leader, other }: Cast): Promise<void> {
  switch (op.op) {
    case 'create':
      if (!cluster.service(op.svc)) cluster.create(op.svc, written(op.facts));
      break;
    case 'recreate':
      if (!cluster.service(op.svc)) break;
      cluster.delete(op.svc);
      cluster.create(op.svc, written(op.facts));
      break;
    case 'edit':
      cluster.edit(op.svc, written(op.facts));
      break;
    case 'delete':
      cluster.delete(op.svc);
      break;
    case 'terminate':
      cluster.terminate(op.svc);
      break;
    case 'ClusterIP':
    case 'LoadBalancer':
      cluster.retype(op.svc, op.op);
      break;
    case 'pool':
      cluster.setPool(op.pool, op.spec);
      break;
    case 'unpool':
      cluster.unsetPool(op.pool);
      break;
    case 'nodes':
      cluster.setNodes(op.addresses);
      break;
    case 'label':
      cluster.label(op.namespace, op.labels);
      break;
    case 'wait':
      cluster.wait(op.ms);
      break;
    case 'other writes':
      cluster.overwrite(op.svc, op.addresses);
      break;
    case 'lost':
      cluster.lose(op.address);
      break;
    case 'renumber':
      cluster.renumber(op.address);
      break;
    case 'pass':
      await (await leader()).pass({ writes: op.writes });
      break;
    case 'other reads':
      await (await other()).hear();
      break;
    case 'other hears':
      await (await other()).hear(kinds[op.kind]);
      break;
    case 'other looks':
      await (await other()).pass({ holds: true });
      break;
    case 'other strikes':
      await (await other()).strike();
      break;
    case 'other passes':
      await (await other()).pass({ writes: op.writes });
      break;
  }
}
