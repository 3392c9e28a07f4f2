/** What the prober's process and its owner say to each other: JSON, one line each. Times are milliseconds of the machine's monotonic clock. */

/** What the process is told at its start. */
export interface ProbeOrder {
  readonly vip: string;
  /** Where a request is answered and the connection closed, and where everything is sent back. */
  readonly ports: { readonly http: number; readonly echo: number };
  readonly link: string;
  /** Who asks by ARP: nobody else on the link has these, so the client's kernel learns nothing from the answers. */
  readonly asker: { readonly mac: string; readonly ip: string };
}

/** An attempt: a new socket, a request, the whole answer. */
export interface Attempt {
  readonly kind: 'attempt';
  /** They are counted from 0 in the order in which they begin, and end in any. */
  readonly number: number;
  readonly at: number;
  readonly ms: number;
  /** `ok`, or what went wrong, in one word. */
  readonly outcome: string;
}

/** A question by ARP, and the hardware addresses in the answers that came before the next one. */
export interface Question {
  readonly kind: 'question';
  readonly at: number;
  readonly macs: readonly string[];
}

/** A long-lived connection, and what its backend has said of it in its first line; empty before that. */
export interface Echo {
  readonly pod: string;
  /** The node that the Pod is on. */
  readonly node: string;
  /** The address that the client seems to have: its own, or one of the node that hides it. */
  readonly peer: string;
  /** What ended it; undefined while all its bytes come back in order. */
  readonly fault?: string | undefined;
}

/** The long-lived connections since they were opened. */
export interface Echoes {
  readonly kind: 'echoes';
  /** Those whose bytes all came back in order, the last ones lately. */
  readonly alive: number;
  /** The others, by what ended them. */
  readonly broken: Readonly<Record<string, number>>;
  /** The longest that one of the living ones had to wait for its bytes. */
  readonly longestPauseMs: number;
  readonly each: readonly Echo[];
}

/** The prober itself was not there for so long: what it says of that time is not to be believed. */
export interface Absence {
  readonly kind: 'absence';
  readonly at: number;
  readonly ms: number;
}

/** A process that is of no more importance than a speaker wanted to run and could not, for so long: what speakers may have waited, too. */
export interface Stall {
  readonly kind: 'stall';
  readonly at: number;
  readonly ms: number;
}

/** A line of one of the two processes. */
export type Told = Attempt | Question | Echoes | Absence | Stall | { readonly kind: 'ready' };

/** A line to the process. */
export type Command = { readonly do: 'open'; readonly count: number } | { readonly do: 'count' };

/** Every so many milliseconds an attempt begins and a question goes out; and every so many each connection sends. */
export const pace = { attemptMs: 20, questionMs: 20, echoMs: 100 } as const;

/** An attempt without an answer for so long has failed. */
export const attemptTimeoutMs = 2_000;

/** Milliseconds of a clock that all processes of the machine share (CLOCK_MONOTONIC). */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
