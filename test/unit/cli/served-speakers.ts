/** The port-forward of an API server: it answers every request for the status of a speaker. WebSocket by hand (RFC 6455). */
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

/** Takes over the connection of a port-forward. The first bytes of the client are a request, and the answer is the body. */
export function answerPortForward(request: IncomingMessage, socket: Duplex, body: string | undefined): void {
  socket.on('error', () => undefined);
  if (body === undefined) return void socket.end('HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n');
  const key = request.headers['sec-websocket-key'] ?? '';
  const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  const [protocol = ''] = (request.headers['sec-websocket-protocol'] ?? '').split(',');
  const head = `Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}`;
  socket.write(`HTTP/1.1 101 Switching Protocols\r\n${head}\r\nSec-WebSocket-Protocol: ${protocol.trim()}\r\n\r\n`);
  socket.once('data', () => {
    const bytes = Buffer.from(body);
    const answer = Buffer.from(`HTTP/1.0 200 OK\r\nContent-Length: ${bytes.length}\r\n\r\n`);
    // The first message of each channel is the port.
    for (const channel of [0, 1]) socket.write(frame(Buffer.from([channel, 0, 0])));
    socket.write(frame(Buffer.concat([Buffer.from([0]), answer, bytes])));
  });
}

/** A whole binary message, unmasked as a server sends it. */
function frame(content: Buffer): Buffer {
  const head = Buffer.alloc(4);
  head[0] = 0x82;
  head[1] = 126;
  head.writeUInt16BE(content.length, 2);
  return Buffer.concat([head, content]);
}
