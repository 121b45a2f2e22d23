/** The settings that users of the official SDKs already have in their environment. */
import type { Credential } from './credential';
import { InvalidRequestError } from './errors';
import type { ApiHooks } from './hooks';
import { LOG_LEVELS, logHooks } from './log-hooks';
import { proxyFromEnv } from './proxy';
import type { ApiOptions } from './settings';

/**
 * Reads, where an empty variable counts as unset:
 * - ANTHROPIC_API_KEY, ANTHROPIC_AUTH_TOKEN: the credential. Where both are set the key is used, as the official SDKs do.
 *   The key is sent as `x-api-key`: older SDKs send it so, and many gateways that were made for them read nothing else.
 *   Newer SDKs send it as bearer, and the API takes both; for a gateway that wants a bearer, set it as ANTHROPIC_AUTH_TOKEN.
 * - ANTHROPIC_BASE_URL
 * - ANTHROPIC_CUSTOM_HEADERS: lines of `Name: value`. An `authorization` or `x-api-key` among them goes in place of the credential
 *   where that has the same header, and beside it where it has the other one, as in the official SDKs.
 * - ANTHROPIC_LOG: debug, info, warn, error or off; lines on stderr without credentials or bodies. Default: off.
 * - HTTPS_PROXY, HTTP_PROXY, NO_PROXY; the same in lower case goes before
 *
 * Profiles of the SDKs (ANTHROPIC_PROFILE, files in ANTHROPIC_CONFIG_DIR) and their workload identity
 * (ANTHROPIC_FEDERATION_RULE_ID and what belongs to it, ANTHROPIC_WORKSPACE_ID among them) are not read: they say how to get
 * tokens from an identity provider. Whoever has such a token gives it by a `TokenProvider`. The SDKs send no workspace
 * because of a variable either, except with a profile.
 * @throws InvalidRequestError where a line of the custom headers is no header; its content is not repeated
 */
export function apiOptionsFromEnv(env: Record<string, string | undefined>): ApiOptions {
  const options: ApiOptions = {};
  const baseUrl = valueOf(env['ANTHROPIC_BASE_URL']);
  if (baseUrl) options.baseUrl = baseUrl;
  const credential = credentialOf(env);
  if (credential) options.credential = credential;
  const headers = customHeaders(valueOf(env['ANTHROPIC_CUSTOM_HEADERS']));
  if (headers) options.headers = headers;
  const proxy = proxyFromEnv(env);
  if (proxy) options.proxy = proxy;
  const hooks = hooksOf(valueOf(env['ANTHROPIC_LOG']));
  if (hooks) options.hooks = hooks;
  return options;
}

function credentialOf(env: Record<string, string | undefined>): Credential | undefined {
  const key = valueOf(env['ANTHROPIC_API_KEY']);
  if (key) return { kind: 'x-api-key', token: key };
  const token = valueOf(env['ANTHROPIC_AUTH_TOKEN']);
  return token ? { kind: 'bearer', token } : undefined;
}

function customHeaders(lines: string | undefined): Record<string, string> | undefined {
  if (!lines) return undefined;
  const headers: Record<string, string> = {};
  for (const [index, line] of lines.split('\n').entries()) {
    if (line.trim() === '') continue;
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(colon, 0)).trim();
    if (name === '') throw new InvalidRequestError(`ANTHROPIC_CUSTOM_HEADERS: line ${index + 1} is not of the form "Name: value".`);
    headers[name] = line.slice(colon + 1).trim();
  }
  return headers;
}

function hooksOf(level: string | undefined): ApiHooks | undefined {
  if (level === undefined) return undefined;
  const known = LOG_LEVELS.find((name) => name === level.toLowerCase());
  // As in the SDKs, a wrong level keeps nobody from working. It is not repeated: it may be a key in the wrong variable.
  if (known === undefined) process.emitWarning(`ANTHROPIC_LOG is none of ${LOG_LEVELS.join(', ')}, so nothing is logged.`);
  return known === undefined || known === 'off' ? undefined : logHooks(known);
}

function valueOf(variable: string | undefined): string | undefined {
  return variable?.trim() || undefined;
}
