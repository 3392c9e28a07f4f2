/** The promises with kube-proxy in IPVS mode, without `strictARP`. */
import { testServices } from './services.ts';

testServices('ipvs');
