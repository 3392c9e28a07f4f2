/**
 * The messages between the prober's process and its owner. Each one is a line of JSON. Times are milliseconds of the
 * machine's monotonic clock.
 */

/** The argument of the process. */
export interface ProbeOrder {
  readonly vip: string;
  /** `http`: a request is answered, and the connection is closed. `echo`: every byte is sent back. */
  readonly ports: { readonly http: number; readonly echo: number };
  readonly link: string;
  /** The sender of ARP requests. No host on the link has these addresses, so the client's kernel learns nothing from the answers. */
  readonly asker: { readonly mac: string; readonly ip: string };
}

/** An attempt: a new socket, a request, and the whole answer. */
export interface Attempt {
  readonly kind: 'attempt';
  /** Counts from 0 in the order in which attempts begin. They may end in another order. */
  readonly number: number;
  readonly at: number;
  readonly ms: number;
  /** `ok`, or one word for the failure. */
  readonly outcome: string;
}

/** An ARP request, and the MACs in the answers that came before the next request. */
export interface Question {
  readonly kind: 'question';
  readonly at: number;
  readonly macs: readonly string[];
}

/** A long-lived connection, with the words of its backend's first line; they are empty before that line has come. */
export interface Echo {
  readonly pod: string;
  /** The node that the Pod is on. */
  readonly node: string;
  /** The client's address from the backend's view: its own, or the address of a node that masquerades it. */
  readonly peer: string;
  /** Why the connection does not work; undefined while all its bytes come back in order. */
  readonly fault?: string | undefined;
}

/** The state of the long-lived connections since they were opened. */
export interface Echoes {
  readonly kind: 'echoes';
  /** The number of connections whose bytes have all come back in order, the last ones recently. */
  readonly alive: number;
  /** The number of other connections, by fault. */
  readonly broken: Readonly<Record<string, number>>;
  /** The longest time for which a working connection had to wait for its bytes. */
  readonly longestPauseMs: number;
  readonly each: readonly Echo[];
}

/** The prober itself did not run for `ms`. Its results for that time are not reliable. */
export interface Absence {
  readonly kind: 'absence';
  readonly at: number;
  readonly ms: number;
}

/** A process with the priority of a speaker had to wait for `ms` before it could run. Speakers may have waited as long. */
export interface Stall {
  readonly kind: 'stall';
  readonly at: number;
  readonly ms: number;
}

/** A line from one of the two processes. */
export type Told = Attempt | Question | Echoes | Absence | Stall | { readonly kind: 'ready' };

/** A line to the prober's process. */
export type Command = { readonly do: 'open'; readonly count: number } | { readonly do: 'count' };

/** Intervals in milliseconds: at which an attempt begins, an ARP request is sent, and each long-lived connection sends. */
export const pace = { attemptMs: 20, questionMs: 20, echoMs: 100 } as const;

/** An attempt fails if it has no answer after this time. */
export const attemptTimeoutMs = 2_000;

/** Milliseconds of a clock that all processes of the machine share (CLOCK_MONOTONIC). */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
