/** The rules for addresses: those that hold at every moment, and those that hold when nothing changes any more. */
import type { LogLine } from './controller-process.ts';
import type { AnyFact, Lists, ServiceFact } from './history.ts';

/** A state that must never occur. */
export interface Violation {
  /**
   * `doubled`: two Services show an address, and the ledger does not name both. Never allowed: both may get its traffic.
   * `uncovered`: a Service shows an address that the ledger does not give it, so the address may be given to another one.
   * `collided`: two Services show an address that they cannot share, because they use the same port or have no common key.
   * `renumbered`: a Service lost the address that it had shown, although it did not request another one.
   */
  readonly rule: 'doubled' | 'uncovered' | 'collided' | 'renumbered';
  readonly version: number;
  readonly address: string;
  readonly uids: readonly string[];
}

/**
 * The violations in a history. Facts are sorted by version, the order in which they became true (see `Fact`). So the check looks at the
 * state of the whole cluster after every single write: the lag of a watch can neither cause a violation nor hide one.
 *
 * Violations for a short time are not allowed either: an entry is written before the status shows its address, and deleted after the
 * status no longer shows it. A Service shows the addresses in its status for as long as it exists, whatever its type, and also while it
 * is being deleted: kube-proxy reads the status, too. Only the controllers write statuses and entries here, and no Service changes its
 * port or its key.
 */
export function violationsIn(facts: readonly AnyFact[]): readonly Violation[] {
  const named = new Map<string, readonly string[]>();
  const shown = new Map<string, Set<string>>();
  const services = new Map<string, ServiceFact>();
  const found = new Map<string, Violation>();
  const check = (address: string, version: number) => {
    const uids = [...(shown.get(address) ?? [])].sort();
    const isNamed = uids.every((uid) => named.get(address)?.includes(uid));
    const users = uids.flatMap((uid) => services.get(uid) ?? []);
    if (isNamed && canShare(users)) return;
    const rule = isNamed ? 'collided' : uids.length > 1 ? 'doubled' : 'uncovered';
    // A state that lasts is one violation, not one for each write during it.
    const key = `${rule} ${address} ${uids}`;
    if (!found.has(key)) found.set(key, { rule, version, address, uids });
  };
  for (const fact of inOrder(facts)) {
    if (fact.kind === 'entry') {
      named.set(fact.address, fact.uids);
      check(fact.address, fact.version);
      continue;
    }
    const before = shownBy(services.get(fact.uid));
    services.set(fact.uid, fact);
    for (const address of before) shown.get(address)?.delete(fact.uid);
    for (const address of shownBy(fact)) shown.set(address, (shown.get(address) ?? new Set()).add(fact.uid));
    for (const address of new Set([...before, ...shownBy(fact)])) check(address, fact.version);
  }
  return [...found.values()];
}

function canShare(users: readonly ServiceFact[]): boolean {
  if (users.length < 2) return true;
  const distinct = <T>(values: readonly T[]) => new Set(values).size;
  const oneKey = users.every(({ sharingKey }) => sharingKey !== undefined && sharingKey === users[0]?.sharingKey);
  // A key without a slash is valid only within its own namespace.
  const oneNamespace = distinct(users.map(({ key }) => key.split('/')[0])) === 1;
  return oneKey && oneNamespace && distinct(users.map(({ port }) => port)) === users.length;
}

/** Services that showed an address, and later another one or none although they did not request another one. */
export function renumberedIn(facts: readonly AnyFact[]): readonly Violation[] {
  const first = new Map<string, ServiceFact>();
  const found = new Map<string, Violation>();
  for (const fact of inOrder(facts)) {
    if (fact.kind === 'entry') continue;
    const before = first.get(fact.uid);
    if (!fact.live || before?.request !== fact.request) first.delete(fact.uid);
    else if (before && String(before.ips) !== String(fact.ips) && fact.ips.join() !== fact.request) {
      const { version, uid } = fact;
      found.set(uid, { rule: 'renumbered', version, address: before.ips.join(), uids: [uid] });
    }
    if (fact.live && fact.ips.length > 0 && !first.has(fact.uid)) first.set(fact.uid, fact);
  }
  return [...found.values()];
}

/** The faults in a state in which nothing changes any more, one sentence each. */
export function disagreements({ services, entries }: Lists): readonly string[] {
  const live = services.filter((service) => service.live);
  const byUid = new Map(services.map((service) => [service.uid, service]));
  const users = new Map(entries.map(({ address, uids }) => [address, uids]));
  return [
    ...live.filter(({ ips }) => ips.length !== 1).map(({ key, ips }) => `${key} has ${ips.length} addresses (${ips})`),
    ...services.flatMap(({ key, uid, ips }) =>
      ips
        .filter((ip) => !users.get(ip)?.includes(uid))
        .map((ip) => `${key} shows ${ip}, which the ledger does not give it`),
    ),
    ...entries.flatMap(({ address, uids }) => {
      const wrong = uids.filter((uid) => !byUid.get(uid)?.ips.includes(address));
      if (uids.length > 0 && wrong.length === 0) return [];
      return [
        `entry ${address} names ${wrong.map((uid) => byUid.get(uid)?.key ?? `${uid}, which is gone`).join() || 'nobody'}`,
      ];
    }),
  ];
}

const traceBefore = 40;
const traceAfter = 12;

/** A violation as text: all changes of its address and its Services around that time, and the log lines of the controllers. */
export function traceOf(violation: Violation, facts: readonly AnyFact[], lines: readonly LogLine[]): string {
  const { rule, version, address, uids } = violation;
  const ordered = inOrder(facts);
  const keys = new Set(
    ordered.flatMap((fact) => (fact.kind === 'service' && uids.includes(fact.uid) ? [fact.key] : [])),
  );
  const concerns = (fact: AnyFact) =>
    fact.kind === 'entry'
      ? fact.address === address || fact.uids.some((uid) => uids.includes(uid))
      : keys.has(fact.key) || fact.ips.includes(address);
  const about = ordered.filter(concerns);
  const at = about.findIndex((fact) => fact.version >= version);
  const near = about.slice(Math.max(0, at - traceBefore), at + traceAfter);
  const from = (near[0]?.heardAt ?? 0) - 200;
  const to = (near.at(-1)?.heardAt ?? 0) + 200;
  const said = lines.filter(({ time, vip, svc }) => {
    const ms = Date.parse(time);
    const named = vip === address || [svc].flat().some((key) => keys.has(String(key)));
    return ms >= from && ms <= to && (named || (vip === undefined && svc === undefined));
  });
  const rows = [
    ...near.map((fact) => ({ ms: fact.heardAt, text: `${fact.version === version ? '>>' : '  '} ${factText(fact)}` })),
    ...said.map(({ time, process, msg, level, ...more }) => ({
      ms: Date.parse(time),
      text: `     ${process} logs: ${msg} ${JSON.stringify({ ...more, role: undefined })}`,
    })),
  ].sort((a, b) => a.ms - b.ms);
  const body = rows.map(({ ms, text }) => `${new Date(ms).toISOString().slice(11, 23)} ${text}`).join('\n');
  return `${rule}: ${address} of ${[...keys].join(', ')} (${uids.join(', ')}) at version ${version}\n${body}`;
}

function factText(fact: AnyFact): string {
  if (fact.kind === 'entry')
    return `${fact.version} entry ${fact.address} ${fact.gone ? 'deleted' : `names ${fact.uids.join(', ')}`}`;
  const { version, key, uid, ips, request, live, gone } = fact;
  const state = gone ? 'gone' : `${live ? '' : 'needs no address and '}shows ${ips.join() || 'nothing'}`;
  return `${version} Service ${key} ${uid} ${state}${request ? `, requests ${request}` : ''}`;
}

function shownBy(service: ServiceFact | undefined): readonly string[] {
  return service?.ips ?? [];
}

function inOrder(facts: readonly AnyFact[]): readonly AnyFact[] {
  return [...facts].sort((a, b) => a.version - b.version);
}
