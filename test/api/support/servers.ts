/** Real servers on loopback, made for one test and gone after it. */
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import type { AddressInfo } from 'node:net';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { once } from 'node:events';

export interface TestServer {
  url: string;
  port: number;
  /** Sockets that are open now. */
  sockets: Set<net.Socket>;
  close(): Promise<void>;
}

export interface SeenRequest {
  method: string;
  url: string;
  headers: http.IncomingHttpHeaders;
  body: string;
}

const open: TestServer[] = [];

/** For `afterEach`. */
export async function closeServers(): Promise<void> {
  await Promise.all(open.splice(0).map((server) => server.close()));
}

async function listen(server: net.Server, scheme: string): Promise<TestServer> {
  const sockets = new Set<net.Socket>();
  server.on('connection', (socket: net.Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const test: TestServer = {
    url: `${scheme}://127.0.0.1:${port}`,
    port,
    sockets,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      if (server.listening) await new Promise((resolve) => server.close(resolve));
    },
  };
  open.push(test);
  return test;
}

/** An HTTP server whose handler gets each request with its whole body. */
export async function httpServer(
  handler: (request: SeenRequest, response: http.ServerResponse, incoming: http.IncomingMessage) => void,
): Promise<TestServer & { requests: SeenRequest[] }> {
  const requests: SeenRequest[] = [];
  const server = http.createServer((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on('error', () => undefined);
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const request = { method: incoming.method!, url: incoming.url!, headers: incoming.headers, body: Buffer.concat(chunks).toString() };
      requests.push(request);
      handler(request, response, incoming);
    });
  });
  server.on('clientError', (_, socket) => socket.destroy());
  return Object.assign(await listen(server, 'http'), { requests });
}

/** An HTTP server that does with each request what the handler says, from its headers on. */
export async function streamingServer(listener: http.RequestListener): Promise<TestServer> {
  const server = http.createServer(listener);
  server.on('clientError', (_, socket) => socket.destroy());
  return listen(server, 'http');
}

/** A TCP server: bytes as they are. */
export async function rawServer(onConnection: (socket: net.Socket) => void, options: net.ServerOpts = {}): Promise<TestServer> {
  return listen(net.createServer(options, onConnection), 'http');
}

/** A certificate for localhost, 127.0.0.1 and api.test, made for these tests and used nowhere else. */
export const CERTIFICATE_FILE = join(__dirname, 'localhost-certificate.pem');

export async function httpsServer(listener: http.RequestListener): Promise<TestServer> {
  const options = { cert: readFileSync(CERTIFICATE_FILE), key: readFileSync(join(__dirname, 'localhost-key.pem')) };
  const server = https.createServer(options, listener);
  server.on('tlsClientError', () => undefined);
  server.on('clientError', (_, socket) => socket.destroy());
  return listen(server, 'https');
}

/** A port on which nothing listens. */
export async function unusedPort(): Promise<number> {
  const server = await rawServer(() => undefined);
  await server.close();
  return server.port;
}

export function json(response: http.ServerResponse, status: number, body: unknown, headers: http.OutgoingHttpHeaders = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', 'request-id': 'req_test', ...headers });
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
}

export function apiError(type: string, message: string, details?: unknown) {
  return { type: 'error', error: { type, message, ...(details ? { details } : {}) }, request_id: 'req_test' };
}

export function batch(id = 'msgbatch_1', more: Record<string, unknown> = {}) {
  return {
    id,
    type: 'message_batch',
    processing_status: 'in_progress',
    request_counts: { processing: 1, succeeded: 0, errored: 0, canceled: 0, expired: 0 },
    created_at: '2026-11-21T10:00:00Z',
    expires_at: '2026-11-22T10:00:00Z',
    ended_at: null,
    archived_at: null,
    cancel_initiated_at: null,
    results_url: null,
    ...more,
  };
}

/** The error a promise rejects with; fails where it does not. */
export async function expectRejection<E extends Error>(promise: Promise<unknown>, type: abstract new (...args: never[]) => E): Promise<E> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(type);
  return error as E;
}
