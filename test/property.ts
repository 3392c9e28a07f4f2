/** fast-check with the seed of the run. Property tests import it from here, so that a run can be repeated. */
import fc from 'fast-check';
import { seed } from './runner/seed.ts';

fc.configureGlobal({ seed: seed() });

export { fc };
