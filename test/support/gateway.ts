/** Something between workers and the simulator, for tests that decide themselves when a call is carried out, and when it is answered. */
import { once } from 'node:events';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { World } from './world';

export interface GatewayAnswer {
  status: number;
  headers: Record<string, string>;
  body: Buffer | string;
}

/** @returns what is answered; undefined: the connection is destroyed. */
export type MeetCall = (call: IncomingMessage, carryOut: () => Promise<GatewayAnswer>) => Promise<GatewayAnswer | undefined>;

const REQUEST_HEADERS = ['x-api-key', 'anthropic-version', 'anthropic-beta', 'content-type'];
const ANSWER_HEADERS = ['content-type', 'request-id', 'x-message-batches-simulation'];

/** Begins to listen in front of the world's simulator. Bodies and answers are held whole: it is for small ones. */
export async function openGateway({ simulator }: World, meet: MeetCall): Promise<{ url: string; close: () => void }> {
  const server = createServer((request, response) => {
    void buffer(request).then(async (body) => {
      const { method = 'GET', url = '/' } = request;
      const carryOut = async (): Promise<GatewayAnswer> => {
        const answer = await fetch(`${simulator.url}${url}`, { method, headers: chosen(request.headers, REQUEST_HEADERS), ...(body.length > 0 && { body }) });
        return { status: answer.status, headers: chosen(Object.fromEntries(answer.headers), ANSWER_HEADERS), body: Buffer.from(await answer.arrayBuffer()) };
      };
      // The simulator may be closed, or the worker gone, while it is held.
      const answer = await meet(request, carryOut).catch(() => undefined);
      if (answer === undefined) request.socket.resetAndDestroy();
      else response.writeHead(answer.status, answer.headers).end(answer.body);
    }, () => undefined);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = (): void => {
    server.close();
    server.closeAllConnections();
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close };
}

function chosen(headers: IncomingHttpHeaders, names: string[]): Record<string, string> {
  return Object.fromEntries(names.flatMap((name) => (typeof headers[name] === 'string' ? [[name, headers[name]]] : [])));
}
