/** The promises with kube-proxy in IPVS mode, with `strictARP`. */
import { testServices } from './services.ts';

testServices('ipvs-strict');
