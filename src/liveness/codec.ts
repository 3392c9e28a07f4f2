/**
 * Encodes and decodes messages. They are JSON, so that people can read a capture. Datagrams of another wire version are
 * ignored.
 */
import {
  type Claim,
  type Message,
  mostResults,
  type Part,
  type ProbeResult,
  probeOutcomes,
  wireVersion,
} from './messages.ts';

/** How the text of every message of this wire version begins. */
export const messageStart = `{"version":${wireVersion},`;

/** The text of a message. It begins with {@link messageStart}. */
export function encodeMessage(message: Message): string {
  if (message.kind === 'Heartbeat') return JSON.stringify({ version: wireVersion, ...message });
  if (message.kind === 'ProbeReport') {
    return JSON.stringify({ version: wireVersion, ...message, results: message.results.map(packedResult) });
  }
  // With field names in every claim, the claims of one message would not fit into a datagram.
  return JSON.stringify({ version: wireVersion, ...message, claims: message.claims.map(packedClaim) });
}

/** The message in a text; undefined if it is malformed or of another wire version. */
export function decodeMessage(text: string): Message | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isRecord(value) || value.version !== wireVersion || !isEnvelope(value)) return undefined;
  const { version: _, ...fields } = value;
  if (fields.kind === 'Heartbeat' && isHeartbeat(fields)) return fields as unknown as Message;
  if (fields.kind === 'ProbeReport' && isReport(fields)) {
    const results = (fields.results as readonly PackedResult[]).map(
      ([uid, term, outcome, detail]): ProbeResult => ({ uid, term, outcome, detail }),
    );
    return { ...fields, results } as unknown as Message;
  }
  if (fields.kind !== 'Claims' || !isClaimDelta(fields)) return undefined;
  return {
    ...fields,
    fullSync: fields.fullSync,
    claims: (fields.claims as readonly Packed[]).map(unpacked),
  } as unknown as Message;
}

type Fields = Readonly<Record<string, unknown>>;

/** A claim in a datagram. `flags` is a bit mask. */
type Packed = readonly [uid: string, term: number, flags: number, leavingTo?: string];

/** A result in a datagram. */
type PackedResult = readonly [uid: string, term: number, outcome: ProbeResult['outcome'], detail: string];

const flags = { isolated: 1, leaving: 2 } as const;

/** A claim as it stands in a datagram. */
export function packedClaim({ uid, term, isolated, leaving, leavingTo }: Claim): Packed {
  const bits = (isolated ? flags.isolated : 0) | (leaving ? flags.leaving : 0);
  return leavingTo === undefined ? [uid, term, bits] : [uid, term, bits, leavingTo];
}

/** A result as it stands in a datagram. */
export function packedResult({ uid, term, outcome, detail }: ProbeResult): PackedResult {
  return [uid, term, outcome, detail];
}

function unpacked([uid, term, bits, leavingTo]: Packed): Claim {
  const claim = { uid, term, isolated: (bits & flags.isolated) !== 0, leaving: (bits & flags.leaving) !== 0 };
  return leavingTo === undefined ? claim : { ...claim, leavingTo };
}

function isEnvelope({ from, to, sequence, total }: Fields): boolean {
  const isDigest = isRecord(total) && isCount(total.count) && isCount(total.sum);
  return isIncarnation(from) && isIncarnation(to) && isText(to.newest) && isCount(sequence) && isDigest;
}

function isHeartbeat({ ages, links, linksPart, heard, state, rules, wantsClaims, nextMs }: Fields): boolean {
  return (
    isCount(rules) &&
    isNumber(nextMs) &&
    typeof wantsClaims === 'boolean' &&
    states.has(state) &&
    isRecord(ages) &&
    isNumber(ages.loop) &&
    isNumber(ages.worker) &&
    isListOf(links, isLink) &&
    (linksPart === undefined || (isPart(linksPart) && (linksPart as Part).parts <= mostLinkParts)) &&
    isListOf(heard, isHeard)
  );
}

/** A word of a later version is no error. */
function isHeard(item: unknown): boolean {
  return Array.isArray(item) && isText(item[0]) && isNumber(item[1]);
}

/** More parts than any node has links. */
const mostLinkParts = 1_000;

const states: ReadonlySet<unknown> = new Set(['Listening', 'Serving', 'Restarting', 'Draining']);

function isClaimDelta({ claims, dropped, fullSync }: Fields): boolean {
  return isListOf(claims, isPacked) && isListOf(dropped, isText) && (fullSync === undefined || isPart(fullSync));
}

function isPart(value: unknown): boolean {
  return isRecord(value) && isCount(value.list) && isCount(value.part) && isCount(value.parts);
}

function isPacked(value: unknown): boolean {
  if (!Array.isArray(value) || !isText(value[0]) || !isCount(value[1]) || !isCount(value[2])) return false;
  return value.length === 3 || isText(value[3]);
}

function isReport({ roundMs, results }: Fields): boolean {
  return isCount(roundMs) && isListOf(results, isResult) && (results as readonly unknown[]).length <= mostResults;
}

const words: ReadonlySet<unknown> = new Set(probeOutcomes);

/** Strict, because the detail is written to the status of an object. */
function isResult(value: unknown): boolean {
  if (!Array.isArray(value) || value.length !== 4) return false;
  const [uid, term, outcome, detail] = value;
  return isText(uid) && isCount(term) && words.has(outcome) && isText(detail) && /^[\w.:/-]{0,64}$/.test(detail);
}

/** Strict, because hardware addresses, link names and addresses become parts of rules and of names. */
function isLink(value: unknown): boolean {
  if (!isRecord(value) || !isLike(/^[^\s/]{1,15}$/, value.name)) return false;
  if (!isLike(/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/, value.mac) || !isListOf(value.addresses, isLinkAddress)) return false;
  if (value.quiet !== undefined && typeof value.quiet !== 'boolean') return false;
  return value.blocked === undefined || isListOf(value.blocked, isText);
}

function isLinkAddress(value: unknown): boolean {
  return isLike(/^[0-9a-fA-F.:]{2,45}\/\d{1,3}$/, value);
}

function isLike(form: RegExp, value: unknown): boolean {
  return isText(value) && form.test(value);
}

function isIncarnation(value: unknown): value is Fields {
  return isRecord(value) && isText(value.node) && isText(value.incarnation);
}

function isListOf(value: unknown, test: (item: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(test);
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isRecord(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
