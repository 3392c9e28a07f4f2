/** Decides about one Service that does not have everything that it requests. */
import { type Family, familyOf, type Ip } from '../addr/ip.ts';
import { type ServiceView, takeOverAnnotation } from '../api/service.ts';
import { brief, listed } from '../api/text.ts';
import { assignAddress, assignFromPools, assignShared, type Choices, type Seeker } from './choose.ts';
import { assigned, type Decision, refused } from './decision.ts';
import type { CurrentAllocations } from './ledger/current-allocations.ts';
import type { Slot } from './ledger/slot.ts';
import { isAdoptable, isForeign, type Ownership, shownBy, writersOf } from './ownership.ts';
import { isOutcome, type Outcome } from './reasons.ts';
import { wantsAnother } from './renumbering.ts';

/** The state that a decision uses. */
export interface DecisionContext extends Choices {
  readonly current: CurrentAllocations;
  readonly ownership: Ownership;
  /** Has the ledger an address for the Service, even if it must leave it? */
  readonly isBound: (service: ServiceView) => boolean;
}

/** Has the Service everything that it requests, so that there is nothing to decide? */
export function isSatisfied(
  service: ServiceView,
  { current, table, requestOf }: Omit<DecisionContext, 'ownership' | 'isBound'>,
): boolean {
  const slots = current.of(service);
  const request = requestOf(service);
  if (request.fault || slots.length < request.families.length || current.evicted.has(service)) return false;
  return slots.every((slot) => !wantsAnother(service, slot, { table, requestOf }));
}

/** Why a Service did not get the address in its status. */
interface Conflict extends Outcome {
  /** It requests another address or pool anyway, which it may get. */
  readonly wantsAnother: boolean;
}

/**
 * Assigns to a Service without an entry the addresses in its status, before new addresses are assigned. Returns the reason if that is
 * not possible. The status is taken as a whole: of two families the Service gets both or none.
 */
export function adopt(service: ServiceView, context: DecisionContext): Conflict | undefined {
  const { ledger, current, table, ownership, requestOf } = context;
  const request = requestOf(service);
  if (current.evicted.has(service) || !isAdoptable(service, ownership)) return undefined;
  const isNew = current.of(service).length === 0;
  const conflicts: Conflict[] = [];
  for (const address of shownBy(service)) {
    const family = familyOf(address);
    if (!request.families.includes(family) || current.of(service).some((slot) => slot.family === family)) continue;
    const taken = assignAddress({ ...context, service }, address, { adopting: true });
    if (isOutcome(taken)) {
      const { addresses, pools } = request;
      const wanted = addresses.get(family);
      const isOther = pools.length > 0 && !pools.includes(table.poolOf(address)?.name ?? '');
      conflicts.push({ ...taken, wantsAnother: wanted === undefined ? isOther : wanted !== address });
    } else {
      taken.adopted ||= taken.entry === undefined;
      current.add(service, taken);
    }
  }
  const conflict = conflicts.find((one) => !one.wantsAnother) ?? conflicts[0];
  if (conflict && !conflict.wantsAnother && isNew) {
    for (const slot of current.of(service)) ledger.leave(slot, service);
    current.clear(service);
  }
  return conflict;
}

/**
 * Protects the addresses in the Service's status that are not its own. The status will change, or an administrator must decide about
 * it.
 */
export function guardShown(service: ServiceView, { ledger, current }: DecisionContext): void {
  const held = current.of(service);
  if (service.ingress.every(({ ip }) => held.some(({ address }) => address === ip))) return;
  for (const ip of shownBy(service)) ledger.guard(ip, service);
}

/** Decides about a Service. `conflict` is the reason why it did not get the address in its status. */
export function decide(service: ServiceView, context: DecisionContext, conflict: Conflict | undefined): Decision {
  const { table, current, ownership, requestOf } = context;
  const request = requestOf(service);
  const held = current.of(service);
  const isOfOther = isLeftToOther(service, context);
  if (held.length === 0 && !context.isBound(service) && !isAdoptable(service, ownership))
    return refused(service, contested(service, ownership), true);
  const needsBoth = service.familyPolicy === 'RequireDualStack';
  const evicted = current.evicted.get(service);
  if (request.fault) {
    const why = joined(evicted, request.fault);
    if (held.length === 0) return refused(service, why, conflict !== undefined || isOfOther);
    if (needsBoth && held.length < request.families.length) return waiting(service, context, { slots: held, why });
    return assigned(service, { slots: held, table }, { declined: request.fault, evicted });
  }
  if (held.length === 0 && conflict && !conflict.wantsAnother) return refused(service, conflict, true);
  const { slots, missing, declined } = (needsBoth ? chooseBoth : choose)({ ...context, service }, held);
  const why = missing && joined(evicted, missing);
  if (needsBoth && why) return waiting(service, context, { slots, why, conflict });
  if (slots.length > 0) return assigned(service, { slots, table }, { declined, missing, evicted });
  return refused(service, why ?? { reason: 'NoPool', message: '' }, conflict !== undefined || isOfOther);
}

/** RequireDualStack: the Service keeps the addresses in its status. Any other address is released, because it would be held without use. */
function waiting(
  service: ServiceView,
  context: DecisionContext,
  {
    slots,
    why,
    conflict,
  }: { readonly slots: readonly Slot[]; readonly why: Outcome; readonly conflict?: Conflict | undefined },
): Decision {
  const { table, current } = context;
  const shown = shownBy(service);
  const kept = current.of(service).filter((slot) => shown.includes(slot.address));
  goBack({ ...context, service }, slots, kept);
  const declined = { ...why, message: `RequireDualStack: ${why.message}` };
  const evicted = current.evicted.get(service);
  if (kept.length > 0) return assigned(service, { slots: kept, table }, { declined, evicted });
  return refused(service, declined, conflict !== undefined || isLeftToOther(service, context));
}

/** Replaces the addresses of a decision by those that the Service had before. */
function goBack({ service, ledger, requestOf }: Seeker, from: readonly Slot[], to: readonly Slot[]): void {
  for (const slot of from) if (!to.includes(slot)) ledger.leave(slot, service);
  for (const slot of to) {
    if (!from.includes(slot)) ledger.resume(slot, service);
    ledger.shareBy(slot, requestOf(service).sharer);
  }
}

/** Is the status the business of the program that wrote it? It is not if it shows an address that the ledger has for the Service. */
function isLeftToOther(service: ServiceView, { ownership, ledger }: DecisionContext): boolean {
  if (!isForeign(service, ownership)) return false;
  const isOwn = (ip: Ip) => ledger.slots.get(ip)?.entry?.services.some(({ uid }) => uid === service.uid);
  return !shownBy(service).some(isOwn);
}

/** The first reason, with both messages. */
function joined(first: Outcome | undefined, second: Outcome): Outcome {
  return first ? { ...first, message: `${first.message}; ${second.message}` } : second;
}

interface Chosen {
  readonly slots: readonly Slot[];
  readonly missing: Outcome | undefined;
  readonly declined: Outcome | undefined;
}

/**
 * Decides for a Service that needs both families. An address that it leaves for another one counts in the quota until it is released. If
 * that leaves no room for the family that it lacks, the Service keeps the address.
 */
function chooseBoth(seeker: Seeker, held: readonly Slot[]): Chosen {
  const chosen = choose(seeker, held);
  if (chosen.missing === undefined || held.every((slot) => chosen.slots.includes(slot))) return chosen;
  goBack(seeker, chosen.slots, held);
  const second = choose(seeker, held, true);
  return { ...second, declined: chosen.missing };
}

/** Decides family by family: keeps the address, replaces it unless it must stay, or assigns one. */
function choose(seeker: Seeker, held: readonly Slot[], stays = false): Chosen {
  const request = seeker.requestOf(seeker.service);
  const found = new Map<Family, Slot>(held.map((slot) => [slot.family, slot]));
  const refusals = new Map<Family, Outcome>();
  const settleFor = (family: Family, result: Slot | Outcome) => {
    if (isOutcome(result)) {
      refusals.set(family, result);
      return;
    }
    const before = found.get(family);
    if (before && before !== result) seeker.ledger.leave(before, seeker.service);
    found.set(family, result);
  };
  const fromPools: Family[] = [];
  for (const family of request.families) {
    const slot = found.get(family);
    if (slot && (stays || !wantsAnother(seeker.service, slot, seeker))) continue;
    const wanted = request.addresses.get(family);
    const result = wanted ? assignAddress(seeker, wanted, { adopting: false }) : assignShared(seeker, family);
    if (result) settleFor(family, result);
    else fromPools.push(family);
  }
  const preferred = [...found.values()].find(({ family }) => !fromPools.includes(family))?.pool;
  for (const [family, result] of assignFromPools(seeker, fromPools, preferred)) settleFor(family, result);
  const lacking = request.families.filter((family) => !found.has(family));
  return {
    slots: request.families.map((family) => found.get(family)).filter((slot) => slot !== undefined),
    missing: lacking.map((family) => refusals.get(family))[0],
    declined: request.families
      .filter((family) => found.has(family))
      .map((family) => refusals.get(family))
      .find(Boolean),
  };
}

function contested(service: ServiceView, ownership: Ownership): Outcome {
  const message = `status.loadBalancer is written by ${listed([writersOf(service, ownership)])}; Berth does not change it`;
  const unclear = service.unclearTakeOver;
  if (unclear === undefined) return { reason: 'StatusContested', message };
  const hint = `annotation ${takeOverAnnotation} is "${brief(unclear)}", which means neither yes nor no: write "true"`;
  return { reason: 'StatusContested', message: `${message}; ${hint}` };
}
