/** Ports of 127.0.0.1. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer } from 'node:net';

export const LOOPBACK = '127.0.0.1';

/** @returns the first of `preferred` that nobody listens at, else any free port. Another process may still be faster to take it. */
export async function choosePort(preferred: number[]): Promise<number> {
  for (const port of preferred) {
    if (await isFree(port)) return port;
  }
  return listenOnce(0);
}

async function isFree(port: number): Promise<boolean> {
  // On BSD and macOS one can listen at 127.0.0.1 although another listens at all addresses, and take its callers away.
  if (await answers(port)) return false;
  return listenOnce(port).then(
    () => true,
    () => false,
  );
}

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, LOOPBACK);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

async function listenOnce(port: number): Promise<number> {
  const server = createServer().listen(port, LOOPBACK);
  await once(server, 'listening');
  const address = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return address.port;
}
