import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import tls from 'node:tls';
import { unsentBytes } from '../../src/api/create-connection';
import { closeProxies, connectProxy } from './support/connect-proxy';
import { CERTIFICATE_FILE, closeServers, httpsServer, rawServer } from './support/servers';

afterEach(closeProxies);
afterEach(closeServers);

const SOCKET_OPTIONS = { highWaterMark: 1 };

/** A connection whose other end does not read: its TCP socket, and what to write to. */
async function connect(through: string): Promise<{ socket: net.Socket; stream: net.Socket }> {
  const target = await (through === 'TCP' ? rawServer(() => undefined, { pauseOnConnect: true }) : httpsServer((request) => request.pause()));
  const proxy = through === 'TLS in TLS' ? await connectProxy({ target: target.port, secure: true }) : undefined;
  const socket = net.connect({ ...SOCKET_OPTIONS, port: proxy ? Number(proxy.host.split(':')[1]) : target.port, host: '127.0.0.1' });
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  if (through === 'TCP') return { socket, stream: socket };
  let stream: net.Socket = await secured(socket);
  if (proxy) {
    stream.write('CONNECT api.test:443 HTTP/1.1\r\nhost: api.test:443\r\n\r\n');
    await once(stream, 'data');
    stream = await secured(stream);
  }
  stream.write('POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000000000\r\n\r\n');
  await once(stream, 'drain');
  return { socket, stream };
}

async function secured(socket: net.Socket): Promise<net.Socket> {
  const stream = tls.connect({ ...SOCKET_OPTIONS, socket, ca: readFileSync(CERTIFICATE_FILE), servername: 'localhost' });
  stream.on('error', () => undefined);
  await once(stream, 'secureConnect');
  return stream;
}

test.each(['TCP', 'TLS', 'TLS in TLS'])('unsentBytes tells in the same turn what the kernel did not take (%s)', async (through) => {
  const { socket, stream } = await connect(through);
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
