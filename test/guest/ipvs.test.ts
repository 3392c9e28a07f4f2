/** kube-proxy in IPVS mode, without `strictARP`. */
import { testIpvs } from './ipvs.ts';

testIpvs('ipvs');
