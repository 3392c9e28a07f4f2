/** Shows the effect of a take-over on every Service, found by the controller's own decisions. */
import type { AllocationView } from '../../api/allocation.ts';
import type { NamespaceView } from '../../api/namespace.ts';
import type { NodeView } from '../../api/node.ts';
import { type PoolView, parsePool } from '../../api/pool.ts';
import { parseService, type RawService } from '../../api/service.ts';
import { settle } from '../../ipam/allocate.ts';
import { isForeign, type Ownership, shownBy } from '../../ipam/ownership.ts';
import type { Migration } from './convert/metallb.ts';
import type { ConvertedService } from './convert/services.ts';

/** The cluster before the take-over. */
interface Before {
  /** Berth's pools that exist already. */
  readonly pools: readonly PoolView[];
  readonly namespaces: readonly NamespaceView[];
  readonly nodes: readonly NodeView[];
  readonly ledger: readonly AllocationView[];
  readonly ownership: Ownership;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/**
 * `Keeps`: another program wrote its address, and the Service keeps it. `Changes`: it would not keep it, so it
 * is not changed. `Berth`: Berth serves it already. `Pending`: it has no address yet. `NotOurs`: Berth does
 * not serve its class.
 */
type Fate = 'Keeps' | 'Changes' | 'Berth' | 'Pending' | 'NotOurs';

/** The effect on one Service. */
export interface Preview {
  /** `namespace/name`. */
  readonly service: string;
  readonly fate: Fate;
  /** Its `spec.loadBalancerClass`. */
  readonly className: string | undefined;
  /** The addresses that its status shows. */
  readonly addresses: readonly string[];
  /** The reason, for people. */
  readonly message: string;
}

/** The effect on every Service, sorted by name. */
export function previewTakeOver({ pools, services }: Migration, before: Before): readonly Preview[] {
  const ownership: Ownership = { ...before.ownership, takeOver: true };
  const known = new Set(before.pools.map(({ name }) => name));
  const added = pools
    .filter(({ metadata }) => !known.has(metadata.name))
    .map(({ metadata, spec }) =>
      parsePool({
        metadata: {
          ...metadata,
          uid: `new/${metadata.name}`,
          resourceVersion: '',
          creationTimestamp: '9999-01-01T00:00:00Z',
        },
        spec,
      }),
    );
  const views = services.map((one) => parseService(annotated(one)));
  const { plan } = settle({ ...before, pools: [...before.pools, ...added], services: views, ownership });
  const decisions = new Map(plan.decisions.map((decision) => [decision.service.uid, decision]));
  return views
    .map((view): Preview => {
      const shown = shownBy(view);
      const decision = decisions.get(view.uid);
      const about = { service: view.key, className: view.class, addresses: shown };
      const found = (fate: Fate, message: string) => ({ ...about, fate, message });
      if (decision === undefined) return found('NotOurs', `Berth does not serve the class ${view.class ?? '(none)'}`);
      if (shown.length === 0) return found('Pending', decision.message);
      if (!isForeign(view, ownership)) return found('Berth', decision.message);
      const after = decision.kind === 'Assigned' ? decision.bindings.map(({ address }) => address) : [];
      const keeps =
        shown.length === view.ingress.length &&
        after.length === shown.length &&
        after.every((ip) => shown.includes(ip));
      return keeps ? found('Keeps', decision.message) : found('Changes', whyChanged(after, decision.message));
    })
    .sort((a, b) => (a.service < b.service ? -1 : 1));
}

function whyChanged(after: readonly string[], message: string): string {
  return after.length === 0 ? message : `it would have ${after.join(', ')}: ${message}`;
}

/** The Service with the annotations of the conversion. */
function annotated({ service, annotations }: ConvertedService): RawService {
  const { metadata } = service;
  return { ...service, metadata: { ...metadata, annotations: { ...metadata.annotations, ...annotations } } };
}
