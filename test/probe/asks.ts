/** What the asking process of a host is asked, and what it answers: JSON, one line each. */

/** New connections over HTTP, one after the other: a request, the whole answer, and the end of each. */
export interface HttpAsk {
  readonly do: 'http';
  readonly address: string;
  readonly port: number;
  readonly path: string;
  readonly connections: number;
  /** So long each may take as a whole. */
  readonly timeoutMs: number;
}

/** A datagram, sent again and again until an answer comes from the address that was asked. */
export interface UdpAsk {
  readonly do: 'udp';
  readonly address: string;
  readonly port: number;
  readonly text: string;
  readonly timeoutMs: number;
}

/** Three multicast Neighbor Solicitations for an IPv6 address, each with its own time to be answered. */
export interface SolicitAsk {
  readonly do: 'solicit';
  readonly link: string;
  readonly address: string;
}

/** A question. */
export type Ask = HttpAsk | UdpAsk | SolicitAsk;

/** What came of a connection. */
export type Reply =
  | { readonly status: number; readonly body: string }
  /** `timeout`, or the word of the operating system, as `ECONNREFUSED`. */
  | { readonly failed: string };

/** What came of each connection; an answer over UDP is the body of a reply with status 0; the MACs that advertisements name. */
export interface Answers {
  readonly http: readonly Reply[];
  readonly udp: Reply;
  readonly solicit: readonly string[];
}

/** A line to the process. */
export interface AskLine {
  readonly id: number;
  readonly ask: Ask;
}

/** A line of the process. */
export type AnswerLine =
  | { readonly id: number; readonly answer: Answers[Ask['do']] }
  | { readonly id: number; readonly error: string };
