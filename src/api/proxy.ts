/** Which proxy the calls of a client go through, if any. */
import { BlockList, isIP } from 'node:net';
import { InvalidRequestError } from './errors';
import { refuseUnknown } from './known-options';

/**
 * Proxies by the scheme of the base URL, as `http://host:port` or `https://host:port`, with `user:password@` before the
 * host where the proxy wants credentials. Without a scheme, http: is meant. Calls go through it in a tunnel (CONNECT).
 */
export interface ProxySettings {
  /** For a base URL that begins with http:. */
  http?: string | undefined;
  /** For a base URL that begins with https:. */
  https?: string | undefined;
  /**
   * What is asked directly, separated by commas: names of hosts, which stand for their subdomains too, `name:port`,
   * addresses, networks such as `10.0.0.0/8`, or `*` for everything. Loopback (localhost, 127.0.0.0/8, ::1) always is.
   */
  noProxy?: string | undefined;
}

/** A proxy that is to be used. What it holds of credentials can only be asked for by name. */
export class ProxyServer {
  /** Scheme, host and port. */
  readonly origin: string;
  /** Host and port, for messages. */
  readonly host: string;
  readonly #authorization: string | undefined;

  constructor(
    url: URL,
    /** Names of hosts that are asked directly all the same. */
    readonly noProxy: string,
  ) {
    this.origin = url.origin;
    this.host = url.host;
    this.#authorization = basicAuthorization(url);
  }

  /** Value of `Proxy-Authorization`. */
  authorization(): string | undefined {
    return this.#authorization;
  }
}

/**
 * Reads HTTPS_PROXY, HTTP_PROXY and NO_PROXY; the same in lower case goes before. An empty variable counts as unset.
 * @returns undefined where neither proxy is set
 */
export function proxyFromEnv(env: Record<string, string | undefined>): ProxySettings | undefined {
  const read = (name: string) => env[name.toLowerCase()]?.trim() || env[name]?.trim() || undefined;
  const [http, https, noProxy] = [read('HTTP_PROXY'), read('HTTPS_PROXY'), read('NO_PROXY')];
  if (http === undefined && https === undefined) return undefined;
  return { ...(http !== undefined && { http }), ...(https !== undefined && { https }), ...(noProxy !== undefined && { noProxy }) };
}

/**
 * The proxy for calls to an origin, or undefined where they go there directly. Names in `noProxy` are left to the
 * dispatcher (`proxyAgent`).
 * @throws InvalidRequestError where the proxy that is to be used cannot be; its value is not repeated
 */
export function proxyFor(settings: ProxySettings, origin: string): ProxyServer | undefined {
  refuseUnknown('proxy', settings, { http: true, https: true, noProxy: true });
  const noProxy = settings.noProxy ?? '';
  if (typeof noProxy !== 'string') throw new InvalidRequestError('proxy.noProxy is a text: names of hosts, separated by commas.');
  const { protocol, hostname } = new URL(origin);
  if (isDirect(hostname, noProxy)) return undefined;
  const scheme = protocol === 'https:' ? 'https' : 'http';
  return parseProxy(scheme, settings[scheme], noProxy);
}

function parseProxy(scheme: 'http' | 'https', value: string | undefined, noProxy: string): ProxyServer | undefined {
  const text = typeof value === 'string' ? value.trim() : value;
  if (text === undefined || text === '') return undefined;
  const what = `The proxy for ${scheme}: (proxy.${scheme}, ${scheme.toUpperCase()}_PROXY)`;
  let url: URL;
  try {
    url = new URL(text.includes('://') ? text : `http://${text}`);
  } catch {
    // Neither the text nor the cause is repeated: it may hold a password.
    throw new InvalidRequestError(`${what} is not a URL. It looks like http://proxy.example:3128.`);
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new InvalidRequestError(`${what} begins with ${url.protocol}, but only http: and https: proxies can be used. Unset ${scheme.toUpperCase()}_PROXY, or name the host in NO_PROXY, or give a dispatcher of your own.`);
  }
  try {
    return new ProxyServer(url, noProxy);
  } catch {
    throw new InvalidRequestError(`${what} has a user or password with a "%" that is no percent-encoding. A "%" itself is written %25.`);
  }
}

/**
 * Value of an authorization header of what a URL has before its host; undefined where that is nothing.
 * @throws URIError
 */
export function basicAuthorization({ username, password }: URL): string | undefined {
  if (username === '' && password === '') return undefined;
  return `Basic ${Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64')}`;
}

/** Loopback, as Go has it, and addresses and networks of `noProxy`, of which undici's agent knows nothing. */
function isDirect(hostname: string, noProxy: string): boolean {
  if (hostname === 'localhost') return true;
  const address = hostname.replace(/^\[(.*)\]$/, '$1');
  const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
  return isIP(address) !== 0 && directAddresses(noProxy).check(address, family);
}

function directAddresses(noProxy: string): BlockList {
  const direct = new BlockList();
  direct.addSubnet('127.0.0.0', 8);
  direct.addAddress('::1', 'ipv6');
  for (const entry of noProxy.split(/[,\s]+/)) {
    const [network = '', bits] = entry.split('/');
    const most = { 0: undefined, 4: 32, 6: 128 }[isIP(network)];
    const prefix = bits === undefined ? most : Number(bits);
    // What is neither address nor network is a name.
    if (most === undefined || prefix === undefined || !(Number.isInteger(prefix) && prefix >= 0 && prefix <= most)) continue;
    direct.addSubnet(network, prefix, most === 128 ? 'ipv6' : 'ipv4');
  }
  return direct;
}
