/** Messages as text. JSON, so that a capture can be read by people; a datagram of another wire version is left unread. */
import { type Message, type SpeakerState, wireVersion } from './messages.ts';

/** The text of a message. */
export function encodeMessage(message: Message): string {
  return JSON.stringify({ version: wireVersion, ...message });
}

/** The message in a text, or undefined where it is none of a version that we understand. */
export function decodeMessage(text: string): Message | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isRecord(value) || value.version !== wireVersion) return undefined;
  const common = isIncarnation(value.from) && isAddressee(value.to) && Number.isSafeInteger(value.sequence);
  if (!common || !(value.kind === 'Beat' ? isBeat(value) : value.kind === 'Claims' && isNews(value))) return undefined;
  return value as unknown as Message;
}

const speakerStates: readonly SpeakerState[] = ['Listening', 'Serving', 'Restarting', 'Draining'];

type Fields = Readonly<Record<string, unknown>>;

function isBeat(value: Fields): boolean {
  const { ages, links, heard, claims, state, rules, nextMs, wantsClaims } = value;
  return (
    isNumber(rules) &&
    isNumber(nextMs) &&
    typeof wantsClaims === 'boolean' &&
    (speakerStates as readonly unknown[]).includes(state) &&
    isRecord(ages) &&
    isNumber(ages.loop) &&
    isNumber(ages.worker) &&
    isRecord(claims) &&
    isNumber(claims.count) &&
    isNumber(claims.sum) &&
    isListOf(links, isLink) &&
    isListOf(heard, (item) => Array.isArray(item) && typeof item[0] === 'string' && isNumber(item[1]))
  );
}

function isNews({ claims, dropped, whole }: Fields): boolean {
  const isPart = (value: unknown) =>
    isRecord(value) && isNumber(value.list) && isNumber(value.part) && isNumber(value.parts);
  return isListOf(claims, isClaim) && isListOf(dropped, isText) && (whole === undefined || isPart(whole));
}

function isClaim(value: unknown): boolean {
  return isRecord(value) && isText(value.uid) && isNumber(value.term) && areFlags(value.isolated, value.leaving);
}

function areFlags(...values: readonly unknown[]): boolean {
  return values.every((value) => typeof value === 'boolean');
}

function isLink(value: unknown): boolean {
  return isRecord(value) && isText(value.name) && isText(value.mac) && isListOf(value.addresses, isText);
}

function isIncarnation(value: unknown): boolean {
  return isRecord(value) && isText(value.node) && isText(value.incarnation);
}

function isAddressee(value: unknown): boolean {
  return isIncarnation(value) && isRecord(value) && isText(value.newest);
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

function isRecord(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
