/** Stands in for the command line's `simulate`: the same arguments, the same handshake, an answer at /simulator/stats. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';
import { announceReady } from '../../src/local';

async function main(): Promise<void> {
  const options = { 'background-child': { type: 'boolean' }, folder: { type: 'string' }, port: { type: 'string' } } as const;
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  if (positionals.join() !== 'simulate' || !values['background-child']) throw new Error('unexpected arguments');
  const server = createServer((request, response) => {
    response.end(JSON.stringify({ folder: values.folder }));
    // It goes on then, but hears nobody.
    if (request.url === '/close') server.close();
  });
  setInterval(() => undefined, 1_000);
  await once(server.listen(Number(values.port), '127.0.0.1'), 'listening');
  await announceReady({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
}

void main();
