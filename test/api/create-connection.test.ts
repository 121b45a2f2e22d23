import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import tls from 'node:tls';
import { unsentBytes } from '../../src/api/create-connection';
import { CERTIFICATE_FILE, closeServers, httpsServer, rawServer } from './support/servers';

afterEach(closeServers);

/** A connection whose other end does not read: its TCP socket, and what to write to. */
async function connect(secure: boolean): Promise<{ socket: net.Socket; stream: net.Socket }> {
  const server = await (secure ? httpsServer((request) => request.pause()) : rawServer(() => undefined, { pauseOnConnect: true }));
  const socketOptions = { highWaterMark: 1 };
  const socket = net.connect({ ...socketOptions, port: server.port, host: '127.0.0.1' });
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  if (!secure) return { socket, stream: socket };
  const stream = tls.connect({ ...socketOptions, socket, ca: readFileSync(CERTIFICATE_FILE), servername: 'localhost' });
  stream.on('error', () => undefined);
  await once(stream, 'secureConnect');
  stream.write('POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000000000\r\n\r\n');
  await once(stream, 'drain');
  return { socket, stream };
}

test.each([false, true])('unsentBytes tells in the same turn what the kernel did not take (TLS: %s)', async (secure) => {
  const { socket, stream } = await connect(secure);
  let drained = stream.write('x');
  expect(unsentBytes(socket)).toBe(0);
  const piece = Buffer.alloc(1_000_000);
  for (let taken = 0; unsentBytes(socket) === 0; taken += piece.length) {
    if (!drained) await once(stream, 'drain');
    drained = stream.write(piece);
    expect(taken).toBeLessThan(100_000_000);
  }
  socket.resetAndDestroy();
  await once(socket, 'close');
});
