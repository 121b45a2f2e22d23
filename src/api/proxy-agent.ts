/** Connections through a proxy: undici's own agent for that, with a word of the proxy's where it refuses. */
import { isIP } from 'node:net';
import { EnvHttpProxyAgent, Pool, type buildConnector, type Dispatcher } from 'undici';
import { withOrderlyEnd } from './connection-end';
import type { ProxyServer } from './proxy';

export interface ProxyAgentOptions {
  /** Makes the connections: to the proxy, and to what `noProxy` names. */
  connect: buildConnector.connector;
  /** Of the TLS in the tunnel. */
  requestTls: buildConnector.BuildOptions;
  /** How long the proxy may take to answer, ms. */
  tunnelTimeoutMs: number;
  /** 1 where only one connection will be made. */
  connections?: number;
}

/** A proxy did not lead anywhere, so nothing was sent. Its words are not kept, only its status. */
export class ProxyFailure extends Error {
  constructor(
    /** Host and port of the proxy. */
    readonly host: string,
    /** What it answered to CONNECT, or why there was no answer. */
    readonly reason: { status: number } | { cause: unknown },
  ) {
    super(`the proxy ${host} made no tunnel`);
  }
}

/** A dispatcher that goes through a proxy, except to the hosts of its `noProxy`. */
export function proxyAgent(proxy: ProxyServer, { connect, requestTls, tunnelTimeoutMs, connections }: ProxyAgentOptions): Dispatcher {
  const authorization = proxy.authorization();
  return new EnvHttpProxyAgent({
    // All three are given: what is missing would be read from the environment.
    httpProxy: proxy.origin,
    httpsProxy: proxy.origin,
    noProxy: proxy.noProxy,
    ...(authorization !== undefined && { token: authorization }),
    ...(connections !== undefined && { connections }),
    connect,
    requestTls,
    // The connections that answers come over, through a tunnel or not; of the one below, only the answer to CONNECT comes over it.
    factory: (origin, options: Pool.Options) => new Pool(origin, { ...options, connect: withOrderlyEnd(options.connect as buildConnector.connector) }),
    clientFactory: () => new Tunnels(proxy.host, proxy.origin, { connect: withoutAddressAsName(connect), headersTimeout: tunnelTimeoutMs }),
  });
}

/** undici gives the proxy's host as TLS server name even where it is an address, which TLS does not allow (RFC 6066, 3). */
function withoutAddressAsName(connect: buildConnector.connector): buildConnector.connector {
  return (options, callback) => connect(isIP(options.servername ?? '') === 0 ? options : { ...options, servername: undefined }, callback);
}

/** Asks the proxy for tunnels. */
class Tunnels extends Pool {
  constructor(
    private readonly host: string,
    origin: string,
    options: Pool.Options,
  ) {
    super(origin, options);
  }

  /** @throws ProxyFailure */
  override async connect(options: Dispatcher.ConnectOptions): Promise<Dispatcher.ConnectData> {
    let tunnel: Dispatcher.ConnectData;
    try {
      tunnel = await super.connect(options);
    } catch (error) {
      throw new ProxyFailure(this.host, { cause: error });
    }
    if (tunnel.statusCode === 200) return tunnel;
    tunnel.socket.on('error', () => undefined).destroy();
    throw new ProxyFailure(this.host, { status: tunnel.statusCode });
  }
}
