/** One Service that does not have all that it could want: what it gets. */
import { type Family, familyOf } from '../addr/ip.ts';
import type { ServiceView } from '../api/service.ts';
import { type Choices, type Seeker, takeAddress, takeFromPools, takeShared } from './choose.ts';
import type { CurrentAllocations } from './current-allocations.ts';
import { assigned, type Decision, refused } from './decision.ts';
import { isAdoptable, isForeign, type Ownership, shownBy, writersOf } from './ownership.ts';
import { isOutcome, listed, type Outcome } from './reasons.ts';
import { isToLeave } from './renumbering.ts';
import type { AllocationRequest } from './requests.ts';
import type { Slot } from './working-ledger.ts';

/** What a decision is made with. */
export interface Context extends Choices {
  readonly holdings: CurrentAllocations;
  readonly ownership: Ownership;
}

/** Has the Service all that it could want, so that nothing is left to decide? */
export function isContent(service: ServiceView, { holdings, table, requestOf }: Omit<Context, 'ownership'>): boolean {
  const slots = holdings.of(service);
  const ask = requestOf(service);
  if (ask.fault || slots.length < ask.families.length || holdings.evicted.has(service)) return false;
  return slots.every((slot) => !wantsAnother(ask, slot, isToLeave(slot, table)));
}

/** Does the Service ask for another address than this one of its own, or is it to leave this one, which it does not ask for? */
function wantsAnother(
  { addresses, pools }: AllocationRequest,
  { family, address, pool }: Pick<Slot, 'family' | 'address' | 'pool'>,
  leaves: boolean,
): boolean {
  const wanted = addresses.get(family);
  if (wanted !== undefined) return wanted !== address;
  return leaves || (pools.length > 0 && !pools.includes(pool));
}

/** Why a Service did not get what its status shows. */
export interface Conflict extends Outcome {
  /** It asks for something else anyway, which it may get. */
  readonly wantsAnother: boolean;
}

/**
 * Gives a Service without an entry what its status shows, before anybody else chooses; says why where that cannot be. What it shows
 * is its status as a whole: of two families it gets both or none.
 */
export function adopt(service: ServiceView, context: Context): Conflict | undefined {
  const { book, holdings, table, ownership, requestOf } = context;
  const ask = requestOf(service);
  if (holdings.evicted.has(service) || !isAdoptable(service, ownership)) return undefined;
  const isNew = holdings.of(service).length === 0;
  const conflicts: Conflict[] = [];
  for (const address of shownBy(service)) {
    const family = familyOf(address);
    if (!ask.families.includes(family) || holdings.of(service).some((slot) => slot.family === family)) continue;
    const taken = takeAddress({ ...context, service }, address, { adopting: true });
    const pool = table.poolOf(address)?.name ?? '';
    if (isOutcome(taken))
      conflicts.push({ ...taken, wantsAnother: wantsAnother(ask, { family, address, pool }, false) });
    else {
      taken.adopted ||= taken.entry === undefined;
      holdings.add(service, taken);
    }
  }
  const conflict = conflicts.find((one) => !one.wantsAnother) ?? conflicts[0];
  if (conflict && !conflict.wantsAnother && isNew) {
    for (const slot of holdings.of(service)) book.leave(slot, service);
    holdings.clear(service);
  }
  return conflict;
}

/** Keeps others from what the Service shows beside its own: a status that will be changed, or that a person must decide on. */
export function guardShown(service: ServiceView, { book, holdings }: Context): void {
  const held = holdings.of(service);
  if (service.ingress.every(({ ip }) => held.some(({ address }) => address === ip))) return;
  for (const ip of shownBy(service)) book.guard(ip, service);
}

/** Decides a Service. `conflict` says why it did not get what its status shows. */
export function decide(service: ServiceView, context: Context, conflict: Conflict | undefined): Decision {
  const { table, holdings, ownership, requestOf } = context;
  const ask = requestOf(service);
  const held = holdings.of(service);
  if (held.length === 0 && !isAdoptable(service, ownership))
    return refused(service, contested(service, ownership), true);
  const needsBoth = service.familyPolicy === 'RequireDualStack';
  const evicted = holdings.evicted.get(service);
  if (ask.fault) {
    const why = joined(evicted, ask.fault);
    if (held.length === 0) return refused(service, why, conflict !== undefined || isForeign(service, ownership));
    if (needsBoth && held.length < ask.families.length) return waiting(service, context, { slots: held, why });
    return assigned(service, { slots: held, table }, { declined: ask.fault, evicted });
  }
  if (held.length === 0 && conflict && !conflict.wantsAnother) return refused(service, conflict, true);
  const { slots, missing, declined } = choose({ ...context, service }, ask, held);
  const why = missing && joined(evicted, missing);
  if (needsBoth && why) return waiting(service, context, { slots, why, conflict });
  if (slots.length > 0) return assigned(service, { slots, table }, { declined, missing, evicted });
  return refused(service, why ?? { reason: 'NoPool', message: '' }, conflict !== undefined);
}

/** RequireDualStack: what the Service shows stays, a wish for another one too; anything else would be held without use. */
function waiting(
  service: ServiceView,
  { book, table, holdings, requestOf }: Context,
  {
    slots,
    why,
    conflict,
  }: { readonly slots: readonly Slot[]; readonly why: Outcome; readonly conflict?: Conflict | undefined },
): Decision {
  const shown = shownBy(service);
  const kept = holdings.of(service).filter((slot) => shown.includes(slot.address));
  for (const slot of slots) if (!kept.includes(slot)) book.leave(slot, service);
  for (const slot of kept) {
    if (!slots.includes(slot)) book.resume(slot, service);
    book.shareBy(slot, requestOf(service).sharingKey);
  }
  const declined = { ...why, message: `RequireDualStack: ${why.message}` };
  const evicted = holdings.evicted.get(service);
  if (kept.length > 0) return assigned(service, { slots: kept, table }, { declined, evicted });
  return refused(service, declined, conflict !== undefined);
}

/** The first reason, and what both say. */
function joined(first: Outcome | undefined, second: Outcome): Outcome {
  return first ? { ...first, message: `${first.message}; ${second.message}` } : second;
}

interface Chosen {
  readonly slots: readonly Slot[];
  readonly missing: Outcome | undefined;
  readonly declined: Outcome | undefined;
}

/** Looks at each family: what it has, what it wants instead, what it lacks. */
function choose(seeker: Seeker, ask: AllocationRequest, held: readonly Slot[]): Chosen {
  const found = new Map<Family, Slot>(held.map((slot) => [slot.family, slot]));
  const refusals = new Map<Family, Outcome>();
  const settleFor = (family: Family, result: Slot | Outcome) => {
    if (isOutcome(result)) {
      refusals.set(family, result);
      return;
    }
    const before = found.get(family);
    if (before && before !== result) seeker.book.leave(before, seeker.service);
    found.set(family, result);
  };
  const fromPools: Family[] = [];
  for (const family of ask.families) {
    const slot = found.get(family);
    if (slot && !wantsAnother(ask, slot, isToLeave(slot, seeker.table))) continue;
    const wanted = ask.addresses.get(family);
    const result = wanted ? takeAddress(seeker, wanted, { adopting: false }) : takeShared(seeker, family);
    if (result) settleFor(family, result);
    else fromPools.push(family);
  }
  const preferred = [...found.values()].find(({ family }) => !fromPools.includes(family))?.pool;
  for (const [family, result] of takeFromPools(seeker, fromPools, preferred)) settleFor(family, result);
  const lacking = ask.families.filter((family) => !found.has(family));
  return {
    slots: ask.families.map((family) => found.get(family)).filter((slot) => slot !== undefined),
    missing: lacking.map((family) => refusals.get(family))[0],
    declined: ask.families
      .filter((family) => found.has(family))
      .map((family) => refusals.get(family))
      .find(Boolean),
  };
}

function contested(service: ServiceView, ownership: Ownership): Outcome {
  const message = `status.loadBalancer is written by ${listed([writersOf(service, ownership)])}; Berth leaves it alone`;
  return { reason: 'StatusContested', message };
}
