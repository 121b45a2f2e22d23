/** Redirects: a GET follows them within its origin; everything else is refused, for the credential would go along. */
import type { WireResponse } from './response-body';

/** True for an answer that says where else to ask. */
export function isRedirect(response: WireResponse): boolean {
  return [301, 302, 303, 307, 308].includes(response.status);
}

/** Where a redirect leads; undefined where it does not say. */
export function redirectTarget(response: WireResponse, from: string): URL | undefined {
  const location = response.headers['location'];
  return location !== undefined && URL.canParse(location, from) ? new URL(location, from) : undefined;
}

/** Why a redirect was not followed, for a message. Names the origin alone: the rest of the target may be a signed URL. */
export function refusedRedirect(target: URL | undefined, reason: string): string {
  return `a redirect to ${target ? target.origin : 'nowhere'} was not followed: ${reason}. If that is where the API is, set the base URL to it`;
}
