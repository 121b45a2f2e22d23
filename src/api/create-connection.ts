/** The connection of one create: used for nothing else, and taken back at once where it must be. */
import type { Socket } from 'node:net';
import { buildConnector, Client, type Dispatcher } from 'undici';
import type { Settings } from './settings';
import { withOrderlyEnd } from './connection-end';
import { proxyAgent } from './proxy-agent';
import { CONNECT_TIMEOUT_MS, NOT_ELSEWHERE } from './transport';

/** Handed on to net.connect and tls.connect; undici's types do not name it. */
const ONE_BYTE_BUFFER = { highWaterMark: 1 };

/**
 * A fresh undici Client, or agent for a proxy. Its socket has a write buffer of one byte, so that undici asks for a chunk
 * only when the kernel has taken the one before. With a proxy, the kernel of this machine is as far as that goes: what a
 * proxy has taken it may pass on. Where the caller brings a dispatcher of its own, that is used instead: its sockets are
 * out of reach, so that the guarantees end at "undici was not given the last byte".
 */
export class CreateConnection {
  readonly #own: Dispatcher | undefined;
  /** The TCP socket, to the proxy where there is one. */
  #socket: Socket | undefined;
  #gone = false;

  constructor(private readonly settings: Settings) {
    if (settings.dispatcher) return;
    const connect = this.#connector();
    const requestTls = { ...ONE_BYTE_BUFFER, timeout: CONNECT_TIMEOUT_MS };
    this.#own = settings.proxy
      ? proxyAgent(settings.proxy, { connect, requestTls, tunnelTimeoutMs: CONNECT_TIMEOUT_MS, connections: 1 })
      : new Client(settings.origin, { connect: withOrderlyEnd(connect) });
  }

  request(options: Pick<Dispatcher.RequestOptions, 'path' | 'method' | 'headers' | 'body' | 'signal' | 'bodyTimeout'>): Promise<Dispatcher.ResponseData> {
    const dispatcher = this.settings.dispatcher ?? this.#own!;
    return dispatcher.request({
      ...options,
      ...NOT_ELSEWHERE,
      origin: this.settings.origin,
      // "connection: close": nothing else is ever sent on it.
      reset: true,
      // The deadline bounds the wait for headers.
      headersTimeout: 0,
    });
  }

  /** True while bytes that were written wait in this process for the kernel to take them. */
  holdsBytes(): boolean {
    return this.#socket !== undefined && unsentBytes(this.#socket) > 0;
  }

  /**
   * Takes back what was not delivered yet: a reset also discards what the kernel still holds, where a plain close would
   * go on delivering it.
   */
  reset(): void {
    this.#gone = true;
    if (this.#socket?.connecting) this.#socket.destroy();
    else this.#socket?.resetAndDestroy();
  }

  async close(): Promise<void> {
    this.#gone = true;
    await this.#own?.destroy();
  }

  /** Like undici's own, but it keeps the TCP socket even where TLS lies over it. */
  #connector(): buildConnector.connector {
    const connect = buildConnector({ ...ONE_BYTE_BUFFER, timeout: CONNECT_TIMEOUT_MS });
    const keep = (socket: unknown) => {
      this.#socket = socket as Socket;
      if (this.#gone) this.#socket.destroy();
    };
    return (options, callback) => {
      if (options.protocol !== 'https:') {
        keep(connect(options, callback));
        return;
      }
      const port = options.port || '443';
      keep(
        connect({ ...options, protocol: 'http:', port }, (error, socket) => {
          if (error) callback(error, null);
          else connect({ ...options, port, httpSocket: socket }, callback);
        }),
      );
    };
  }
}

/**
 * Bytes that were written to a TCP socket, or to the TLS socket over it, and not yet taken by the kernel.
 * `writableLength` knows nothing of what TLS writes, so the handle's own count is read.
 */
export function unsentBytes(socket: Socket): number {
  const handle = (socket as unknown as { _handle?: { writeQueueSize?: number } | null })._handle;
  return Math.max(socket.writableLength, handle?.writeQueueSize ?? 0);
}
