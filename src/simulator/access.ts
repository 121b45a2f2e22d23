/** What every call must bring before it is looked at. */
import type { IncomingMessage } from 'node:http';
import { ApiFailure, invalidRequest } from './api-failure';
import type { SimulatorContext } from './context';

const BETA_NAME = 'message-batches-2024-09-24';

/**
 * Checks credential, version, beta form and rate limit.
 * @returns headers for the answer
 * @throws ApiFailure
 */
export function checkAccess(request: IncomingMessage, query: URLSearchParams, context: SimulatorContext): Record<string, string> {
  checkCredential(request, context.options.keys);
  const version = request.headers['anthropic-version'];
  if (version === undefined) throw invalidRequest('anthropic-version: header is required');
  if (!/^\d{4}-\d{2}-\d{2}$/.test(String(version))) throw invalidRequest(`anthropic-version: "${String(version)}" is not a valid version.`);
  if (context.options.requiresBetaForm) checkBetaForm(request, query);
  return checkRate(context);
}

function checkCredential(request: IncomingMessage, keys: string[] | undefined): void {
  const bearer = /^Bearer +(.+)$/i.exec(request.headers.authorization ?? '')?.[1];
  const apiKey = request.headers['x-api-key'];
  const given = bearer ?? (apiKey === undefined ? undefined : String(apiKey));
  if (given === undefined || given.trim() === '') throw new ApiFailure(401, 'Authentication is required: send an authorization or x-api-key header.');
  if (keys && !keys.includes(given)) throw new ApiFailure(401, bearer === undefined ? 'invalid x-api-key' : 'Invalid bearer token');
}

function checkBetaForm(request: IncomingMessage, query: URLSearchParams): void {
  const betas = String(request.headers['anthropic-beta'] ?? '').split(',').map((name) => name.trim());
  if (!betas.includes(BETA_NAME)) throw invalidRequest(`anthropic-beta: ${BETA_NAME} is required here`);
  if (query.get('beta') !== 'true') throw invalidRequest('beta: the query ?beta=true is required here');
}

function checkRate(context: SimulatorContext): Record<string, string> {
  const limit = context.options.requestsPerMinute;
  if (limit === undefined) return {};
  const { allowed, remaining, waitMs, fullAt } = context.rateLimiter.take(limit, context.now());
  const headers = {
    'anthropic-ratelimit-requests-limit': String(limit),
    'anthropic-ratelimit-requests-remaining': String(remaining),
    'anthropic-ratelimit-requests-reset': new Date(fullAt).toISOString(),
  };
  if (allowed) return headers;
  throw new ApiFailure(429, `This request would exceed your rate limit of ${limit} requests per minute.`, {
    headers: { ...headers, 'retry-after': String(Math.ceil(waitMs / 1000)) },
  });
}
