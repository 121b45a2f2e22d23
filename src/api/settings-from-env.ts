/** The settings that users of the official SDKs already have in their environment. */
import { InvalidRequestError } from './errors';
import type { ApiOptions, Credential } from './settings';

/**
 * Reads ANTHROPIC_API_KEY (sent as `x-api-key`), ANTHROPIC_AUTH_TOKEN (sent as bearer), ANTHROPIC_BASE_URL and
 * ANTHROPIC_CUSTOM_HEADERS (lines of `Name: value`). An empty variable counts as unset. Where both a key and a
 * token are set the key is used, as the official SDKs do.
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

function valueOf(variable: string | undefined): string | undefined {
  return variable?.trim() || undefined;
}
