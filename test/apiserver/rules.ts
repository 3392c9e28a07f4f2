/**
 * The rules of Kubernetes that the API server in memory imitates, each as requests with what must come of them. The same can be asked of a
 * real API server that knows Berth's kinds: so the imitation is honest.
 */
import { applies, ofServices } from './rules/applies.ts';
import { type AskedApi, Asking, type Checks } from './rules/asking.ts';
import { reads } from './rules/reads.ts';
import { deletions, identities, updates } from './rules/writes.ts';

/** One rule. It leaves nothing behind when it holds. */
export interface Rule {
  readonly name: string;
  readonly check: () => Promise<void>;
}

/** All rules, for one API server. */
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
