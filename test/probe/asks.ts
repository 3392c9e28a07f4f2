/** The requests to the request process of a host, and its answers. Each one is a line of JSON. */

/** New connections over HTTP, one after another. Each one has a request and its whole answer, and then it is closed. */
export interface HttpAsk {
  readonly do: 'http';
  readonly address: string;
  readonly port: number;
  readonly path: string;
  readonly connections: number;
  /** The limit for each connection as a whole. */
  readonly timeoutMs: number;
}

/** A datagram, sent repeatedly until an answer comes from the address that it is sent to. */
export interface UdpAsk {
  readonly do: 'udp';
  readonly address: string;
  readonly port: number;
  readonly text: string;
  readonly timeoutMs: number;
}

/** Three multicast Neighbor Solicitations for an IPv6 address. Each has its own time limit for answers. */
export interface SolicitAsk {
  readonly do: 'solicit';
  readonly link: string;
  readonly address: string;
}

/** A request. */
export type Ask = HttpAsk | UdpAsk | SolicitAsk;

/** The result of a connection. */
export type Reply =
  | { readonly status: number; readonly body: string }
  /** `timeout`, or the error code of the operating system, for example `ECONNREFUSED`. */
  | { readonly failed: string };

/**
 * The answers by kind of request. HTTP: the result of each connection. UDP: a reply with status 0 and the answer as
 * its body. Neighbor Solicitations: the MACs in the advertisements.
 */
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

/** A line from the process. */
export type AnswerLine =
  | { readonly id: number; readonly answer: Answers[Ask['do']] }
  | { readonly id: number; readonly error: string };
