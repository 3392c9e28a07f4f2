/** Splits lists into portions of which each fits one datagram. */
import { encodeMessage, packedClaim, packedResult } from './codec.ts';
import {
  type Claim,
  type ClaimDelta,
  type Message,
  mostResults,
  type ProbeReport,
  type ProbeResult,
} from './messages.ts';

/**
 * The bytes of a message: one Ethernet packet without the headers of tunnels and of IPv6 (1,400 bytes), and without the
 * signature of 32 bytes.
 */
const mostBytes = 1_368;

/** The numbers of a message are not known before it is sent. They are counted with these values, which are never reached. */
const large = { sequence: 9_999_999_999, count: 999_999, sum: 2 ** 48, list: 999_999 } as const;

type Envelope = Pick<Message, 'from' | 'to'>;
type Items = Pick<ClaimDelta, 'claims' | 'dropped'>;

/** Splits changes of claims. */
export function changePortions({ claims, dropped }: Items, envelope: Envelope): readonly Items[] {
  const empty: ClaimDelta = { kind: 'Claims', ...sized(envelope), claims: [], dropped: [], fullSync: undefined };
  const textOf = (item: Claim | string) => (typeof item === 'string' ? item : packedClaim(item));
  return portions([...claims, ...dropped], empty, { textOf }).map((items) => ({
    claims: items.filter((item) => typeof item !== 'string'),
    dropped: items.filter((item) => typeof item === 'string'),
  }));
}

/** Splits the whole list of claims. It has at least one portion. */
export function listPortions(claims: readonly Claim[], envelope: Envelope): readonly (readonly Claim[])[] {
  const fullSync = { list: large.list, part: large.list, parts: large.list };
  const empty: ClaimDelta = { kind: 'Claims', ...sized(envelope), claims: [], dropped: [], fullSync };
  const all = portions(claims, empty, { textOf: packedClaim });
  return all.length === 0 ? [[]] : all;
}

/** Splits results of probes. */
export function resultPortions(
  results: readonly ProbeResult[],
  { roundMs, ...envelope }: Envelope & Pick<ProbeReport, 'roundMs'>,
): readonly (readonly ProbeResult[])[] {
  const empty: ProbeReport = { kind: 'ProbeReport', ...sized(envelope), roundMs, results: [] };
  return portions(results, empty, { textOf: packedResult, most: mostResults });
}

/**
 * An item that is too large for any datagram is alone in its portion. All texts in a message are ASCII (names of nodes,
 * RFC 1123; uids; digits), so their length is their size.
 */
function portions<T>(
  items: readonly T[],
  empty: Message,
  { textOf, most = Number.POSITIVE_INFINITY }: { readonly textOf: (item: T) => unknown; readonly most?: number },
): readonly T[][] {
  const all: T[][] = [];
  let room = 0;
  for (const item of items) {
    // With the comma.
    const size = JSON.stringify(textOf(item)).length + 1;
    if (size > room || all.at(-1)?.length === most) {
      all.push([]);
      room = mostBytes - encodeMessage(empty).length;
    }
    room -= size;
    all.at(-1)?.push(item);
  }
  return all;
}

function sized({ from, to }: Envelope): Envelope & Pick<Message, 'sequence' | 'total'> {
  const { incarnation } = from;
  // The incarnation of an addressee may become known before the message is sent.
  return {
    ...{ from, to: { node: to.node, incarnation, newest: incarnation } },
    ...{ sequence: large.sequence, total: { count: large.count, sum: large.sum } },
  };
}
