/** One HTTP request to a port of a Pod, through the API server and the kubelet. Nothing else can reach the loopback of a node. */
import type { KubeConfig } from '@kubernetes/client-node/dist/config.js';
import { WebSocketHandler } from '@kubernetes/client-node/dist/web-socket-handler.js';

/** A request. */
interface ForwardedRequest {
  readonly namespace: string;
  readonly pod: string;
  readonly port: number;
  readonly path: string;
  readonly timeoutMs: number;
}

/** An answer; the body is text. */
interface ForwardedAnswer {
  readonly status: number;
  readonly body: string;
}

/** The channel of a port's bytes, and that of the kubelet's errors. The first two bytes on each are the port. */
const channels = { data: 0, error: 1 } as const;

/** Sends the request and returns the answer. Rejects with a message for people if the port cannot be reached. */
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
      const receive = (channel: number, bytes: Buffer): boolean => {
        const isFirst = answer.opens(channel);
        const content = isFirst ? bytes.subarray(2) : bytes;
        if (channel === channels.error && content.length > 0) reject(new Error(content.toString().trim()));
        if (channel === channels.data) answer.append(content);
        const whole = answer.whole;
        if (whole) resolve(whole);
        return whole === undefined;
      };
      new WebSocketHandler(config)
        .connect(target, null, receive)
        .then((open) => {
          // The connection may open after the timeout.
          if (isOver) return open.close();
          socket = open;
          open.onclose = () => reject(new Error('the connection was closed before the answer was complete'));
          const text = `GET ${path} HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n`;
          open.send(Buffer.concat([Buffer.from([channels.data]), Buffer.from(text)]));
        })
        .catch((error: unknown) => reject(new Error(messageOf(error))));
    });
  } finally {
    isOver = true;
    clearTimeout(timer);
    socket?.close();
  }
}

/** The message of a failure. The library may reject with an event of the socket, which is not an Error. */
function messageOf(error: unknown): string {
  const message = (error as { message?: unknown })?.message;
  if (typeof message !== 'string') return 'the API server did not open a port-forward';
  const status = /Unexpected server response: (\d+)/.exec(message)?.[1];
  if (status === '403') return 'forbidden: the verbs create and get on pods/portforward are required';
  return status === undefined ? message : `the API server answered the port-forward with HTTP ${status}`;
}

/** Assembles an HTTP answer from pieces. */
class AnswerReader {
  readonly #opened = new Set<number>();
  #bytes = Buffer.alloc(0);

  /** Is this the first message of a channel? */
  opens(channel: number): boolean {
    const isFirst = !this.#opened.has(channel);
    this.#opened.add(channel);
    return isFirst;
  }

  append(bytes: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
  }

  /** The answer, once all bytes of its Content-Length have arrived. */
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
