/** kube-proxy in IPVS mode, with `strictARP`. */
import { testIpvs } from './ipvs.ts';

testIpvs('ipvs-strict');
