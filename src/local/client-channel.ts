/** How the Temporal client's own gRPC library reaches a server. */
import { BlockList, isIP } from 'node:net';

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8);
loopback.addAddress('::1', 'ipv6');

/**
 * `channelArgs` for `Connection.connect` and `Connection.lazy`. The library sends even calls to 127.0.0.1 to the proxy of
 * `https_proxy` or `http_proxy` where NO_PROXY does not name it; what is on this machine is asked directly.
 */
export function channelArgs(address: string): Record<string, number> {
  const host = hostOf(address);
  const direct = host === 'localhost' || (isIP(host) !== 0 && loopback.check(host, isIP(host) === 6 ? 'ipv6' : 'ipv4'));
  return direct ? { 'grpc.enable_http_proxy': 0 } : {};
}

/** @param address `host:port`, with an address of IPv6 in brackets. */
function hostOf(address: string): string {
  const url = `tcp://${address}`;
  return URL.canParse(url) ? new URL(url).hostname.replace(/^\[(.*)\]$/, '$1') : '';
}
