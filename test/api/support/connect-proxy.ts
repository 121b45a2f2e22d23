/** A real HTTP proxy on loopback that makes tunnels (CONNECT), counts what goes through, and refuses where it is told to. */
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CERTIFICATE_FILE } from './servers';

/** A name that is not loopback, and that the certificate of the tests is good for. */
export const PROXIED_HOST = 'api.test';

export interface ConnectProxyOptions {
  /** Port on 127.0.0.1 that every tunnel leads to, whatever host is asked for. */
  target: number;
  /** Whether one speaks TLS with the proxy itself. */
  secure?: boolean;
  /** `user:password` that it wants. */
  credentials?: string;
}

const proxies: ConnectProxy[] = [];

/** For `afterEach`. */
export async function closeProxies(): Promise<void> {
  await Promise.all(proxies.splice(0).map((proxy) => proxy.close()));
}

export async function connectProxy(options: ConnectProxyOptions): Promise<ConnectProxy> {
  const proxy = new ConnectProxy(options);
  proxies.push(proxy);
  await proxy.listen();
  return proxy;
}

export class ConnectProxy {
  /** What it answers to CONNECT instead of making a tunnel; `silence`: nothing. */
  refusal: number | 'silence' | undefined;
  /** `host:port` of every CONNECT that came. */
  readonly tunnels: string[] = [];
  /** What was asked for without a tunnel. */
  readonly forwarded: string[] = [];
  /** Connections of clients that are open now. */
  readonly clients = new Set<net.Socket>();
  /** Bytes that were taken from clients' ends of tunnels. */
  received = 0;
  readonly #server: http.Server;
  #isPaused = false;

  constructor(private readonly options: ConnectProxyOptions) {
    const { secure } = options;
    this.#server = secure ? https.createServer({ cert: readFileSync(CERTIFICATE_FILE), key: readFileSync(join(__dirname, 'localhost-key.pem')) }) : http.createServer();
    this.#server.on(secure ? 'secureConnection' : 'connection', (client: net.Socket) => {
      this.clients.add(client);
      client.on('close', () => this.clients.delete(client)).on('error', () => undefined);
    });
    this.#server.on('tlsClientError', () => undefined);
    this.#server.on('clientError', (_, client) => client.destroy());
    this.#server.on('request', (request, response) => {
      this.forwarded.push(request.url!);
      response.writeHead(405).end();
    });
    this.#server.on('connect', (request, client: net.Socket) => this.#connect(request, client));
  }

  async listen(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  get host(): string {
    return `127.0.0.1:${(this.#server.address() as net.AddressInfo).port}`;
  }

  /** With its credentials, where it wants any. */
  get url(): string {
    const { secure, credentials } = this.options;
    const user = credentials === undefined ? '' : `${credentials.split(':').map(encodeURIComponent).join(':')}@`;
    return `${secure ? 'https' : 'http'}://${user}${this.host}`;
  }

  /** Takes nothing more from clients' ends of tunnels, those to come as well. */
  pause(): void {
    this.#isPaused = true;
    for (const client of this.clients) client.pause();
  }

  resume(): void {
    this.#isPaused = false;
    for (const client of this.clients) client.resume();
  }

  async close(): Promise<void> {
    for (const client of this.clients) client.destroy();
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve));
  }

  #connect(request: http.IncomingMessage, client: net.Socket): void {
    const { target, credentials } = this.options;
    this.tunnels.push(request.url!);
    if (this.refusal === 'silence') {
      // So that the client is seen to leave.
      client.on('end', () => client.end()).resume();
      return;
    }
    const wanted = credentials && `Basic ${Buffer.from(credentials).toString('base64')}`;
    const refusal = request.headers['proxy-authorization'] === wanted ? this.refusal : 407;
    if (refusal !== undefined) {
      client.end(`HTTP/1.1 ${refusal} No\r\ncontent-length: 6\r\n\r\nsecret`);
      return;
    }
    const upstream = net.connect(target, '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      upstream.pipe(client);
      client.on('data', (data) => {
        this.received += data.length;
        if (!upstream.write(data)) client.pause();
      });
      upstream.on('drain', () => !this.#isPaused && client.resume());
      if (this.#isPaused) client.pause();
    });
    // What ends one half of the tunnel ends the other, a reset as a reset.
    client.on('end', () => upstream.end());
    client.on('error', () => upstream.resetAndDestroy());
    client.on('close', () => upstream.destroy());
    upstream.on('error', () => client.destroy());
    upstream.on('close', () => client.destroy());
  }
}
