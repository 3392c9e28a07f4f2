/** One HTTP request to a port of a Pod, through the API server and the kubelet: where nothing else leads to a node's loopback. */
import type { KubeConfig } from '@kubernetes/client-node/dist/config.js';
import { WebSocketHandler } from '@kubernetes/client-node/dist/web-socket-handler.js';

/** What to ask. */
export interface ForwardedRequest {
  readonly namespace: string;
  readonly pod: string;
  readonly port: number;
  readonly path: string;
  readonly timeoutMs: number;
}

/** An answer; the body is text. */
export interface ForwardedAnswer {
  readonly status: number;
  readonly body: string;
}

/** The stream of a port's bytes, and that of the kubelet's errors; the first two bytes of each name the port. */
const channels = { data: 0, error: 1 } as const;

/** Asks, and gives the answer. Rejects with a sentence for people where the port cannot be reached. */
export async function getByPortForward(config: KubeConfig, request: ForwardedRequest): Promise<ForwardedAnswer> {
  const { namespace, pod, port, path, timeoutMs } = request;
  const target = `/api/v1/namespaces/${namespace}/pods/${pod}/portforward?ports=${port}`;
  let socket: { send(data: Buffer): void; close(): void } | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isOver = false;
  try {
    return await new Promise<ForwardedAnswer>((resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs / 1000} s`)), timeoutMs);
      const answer = new AnswerReader();
      const take = (channel: number, bytes: Buffer): boolean => {
        const isFirst = answer.opens(channel);
        const content = isFirst ? bytes.subarray(2) : bytes;
        if (channel === channels.error && content.length > 0) reject(new Error(content.toString().trim()));
        if (channel === channels.data) answer.take(content);
        const whole = answer.whole;
        if (whole) resolve(whole);
        return whole === undefined;
      };
      new WebSocketHandler(config)
        .connect(target, null, take)
        .then((open) => {
          // It may come after the time is over.
          if (isOver) return open.close();
          socket = open;
          open.onclose = () => reject(new Error('the connection was closed before the answer was there'));
          const text = `GET ${path} HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n`;
          open.send(Buffer.concat([Buffer.from([channels.data]), Buffer.from(text)]));
        })
        .catch((error: unknown) => reject(new Error(wordsOf(error))));
    });
  } finally {
    isOver = true;
    clearTimeout(timer);
    socket?.close();
  }
}

/** The library hands on an event of the socket, which is no Error. */
function wordsOf(error: unknown): string {
  const message = (error as { message?: unknown })?.message;
  if (typeof message !== 'string') return 'the API server does not open a port-forward';
  const status = /Unexpected server response: (\d+)/.exec(message)?.[1];
  if (status === '403') return 'not allowed: it takes verb create (and get) on pods/portforward';
  return status === undefined ? message : `the API server answers HTTP ${status} to the port-forward`;
}

/** Puts an HTTP answer together, piece by piece. */
class AnswerReader {
  readonly #opened = new Set<number>();
  #bytes = Buffer.alloc(0);

  /** Is this the first message of a channel? */
  opens(channel: number): boolean {
    const isFirst = !this.#opened.has(channel);
    this.#opened.add(channel);
    return isFirst;
  }

  take(bytes: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
  }

  /** The answer, once all of the length that its head tells is there. */
  get whole(): ForwardedAnswer | undefined {
    const end = this.#bytes.indexOf('\r\n\r\n');
    if (end < 0) return undefined;
    const head = this.#bytes.subarray(0, end).toString('latin1');
    const length = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
    const body = this.#bytes.subarray(end + 4);
    if (body.length < length) return undefined;
    const status = Number(/^HTTP\/1\.\d (\d{3})/.exec(head)?.[1] ?? 0);
    return { status, body: body.subarray(0, length).toString('utf8') };
  }
}
