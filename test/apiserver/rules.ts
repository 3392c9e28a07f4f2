/**
 * The rules of Kubernetes that the API server in memory imitates. Each rule is a set of requests with expected results.
 * The same requests can go to a real API server that knows Berth's kinds. This proves that the imitation is correct.
 */
import { applies, ofServices } from './rules/applies.ts';
import { type AskedApi, Asking, type Checks } from './rules/asking.ts';
import { reads } from './rules/reads.ts';
import { deletions, identities, updates } from './rules/writes.ts';

/** One rule. Its check removes the objects that it created. */
export interface Rule {
  readonly name: string;
  readonly check: () => Promise<void>;
}

/** All rules, as checks of one API server. */
export function rulesOfApi(api: AskedApi): readonly Rule[] {
  const all: Checks = { ...identities, ...updates, ...deletions, ...applies, ...ofServices, ...reads };
  return Object.entries(all).map(([name, check]) => ({
    name,
    check: async () => {
      const asking = new Asking(api);
      try {
        await check(asking);
      } finally {
        await asking.clear();
      }
    },
  }));
}
