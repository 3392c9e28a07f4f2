/** What the Services documentation of Kubernetes promises for LoadBalancer, with kube-proxy in iptables mode. */
import { installBerth, sharedLab } from './berth.ts';
import { columnsOf } from './promises/column.ts';
import { keepPromises } from './promises/keep.ts';

const lab = sharedLab();

keepPromises(columnsOf('iptables'), {
  up: async () => {
    await installBerth(lab);
    return lab;
  },
  down: async () => {},
});
