/** From errors of the S3 SDK to StorageErrors. Nothing of a request is in them: it holds a signature, and answers repeat it. */
import { parseS3 } from '../location';
import { StorageError, type StorageErrorCode } from '../storage-error';

const LONGEST_MESSAGE = 200;

const PASSING_STATUS = new Set([408, 425, 429, 500, 502, 503, 504]);
const PASSING_NAMES = new Set(['SlowDown', 'RequestTimeout', 'TimeoutError', 'InternalError', 'ServiceUnavailable', 'ThrottlingException', 'ConditionalRequestConflict', 'OperationAborted', 'NoSuchUpload']);
const NOT_CONFIGURED_NAMES = new Set(['CredentialsProviderError', 'TokenProviderError']);
const NETWORK_CODES = new Set(['ECONNREFUSED', 'ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ENOTFOUND', 'EAI_AGAIN', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'ERR_STREAM_PREMATURE_CLOSE']);

/** What is looked at of an error of the SDK, or of the network below it. */
interface SdkError extends Error {
  code?: unknown;
  errors?: unknown;
  $metadata?: { httpStatusCode?: number; requestId?: string; attempts?: number };
}

/** The HTTP status that the server answered with; undefined where it gave none. */
export function statusOf(error: unknown): number | undefined {
  return (error as SdkError | undefined)?.$metadata?.httpStatusCode;
}

/** Whether the SDK has made the call more than once: then an earlier try may have been carried out. */
export function wasRetried(error: unknown): boolean {
  return ((error as SdkError | undefined)?.$metadata?.attempts ?? 1) > 1;
}

/**
 * Turns an error of the SDK or the network into a StorageError that names the location; gives other errors back as they are.
 * @param doing what was being done, as in `write`, `read`, `list`.
 */
export function s3Error(error: unknown, doing: string, location: string): unknown {
  if (error instanceof StorageError || !isOfS3(error)) return error;
  const { code, what, hint, ...options } = classify(error, location);
  return new StorageError(code, location, `Could not ${doing} ${location}: ${what}${askedAs(error)}.`, hint, options);
}

function isOfS3(error: unknown): error is SdkError {
  return isError(error) && (error.$metadata !== undefined || isOfCertificate(error) || NOT_CONFIGURED_NAMES.has(error.name) || isWithoutRegion(error) || isPassing(error, undefined));
}

/** By its fields: errors of Node's own code are of another realm than those of code that runs in a VM. */
function isError(error: unknown): error is SdkError {
  const { name, message } = (error ?? {}) as Error;
  return typeof name === 'string' && typeof message === 'string';
}

interface Meaning {
  code: StorageErrorCode;
  what: string;
  hint: string;
  passing?: boolean;
  missing?: boolean;
}

function classify(error: SdkError, location: string): Meaning {
  const { bucket } = parseS3(location);
  const status = statusOf(error);
  if (error.name === 'NoSuchBucket') {
    return { code: 'no_bucket', what: `there is no bucket ${bucket}`, hint: 'Look at its name, at AWS_REGION, and at AWS_ENDPOINT_URL_S3 where the server is not Amazon\'s.' };
  }
  if (NOT_CONFIGURED_NAMES.has(error.name)) {
    return { code: 'not_configured', what: 'no credentials for S3 were found', hint: 'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, in the environment of the command or worker.' };
  }
  if (isWithoutRegion(error)) {
    return { code: 'not_configured', what: 'no region is set', hint: 'Set AWS_REGION (for a server that is not Amazon\'s, us-east-1 will mostly do).' };
  }
  if (isOfCertificate(error)) {
    return { code: 'not_configured', what: `the certificate of the S3 server is not trusted (${String(error.code)})`, hint: 'Set NODE_EXTRA_CA_CERTS to the certificates of its authority, or mend AWS_ENDPOINT_URL_S3.' };
  }
  if (error.name === 'PermanentRedirect' || status === 301 || status === 307) {
    return { code: 'not_configured', what: `the bucket ${bucket} is in another region`, hint: 'Set AWS_REGION to the region of the bucket.' };
  }
  if (error.name === 'RequestTimeTooSkewed') {
    return { code: 'not_permitted', what: 'the clock of this machine is wrong', hint: 'Set the clock, then go on with the same command.' };
  }
  if (status === 401 || status === 403) return refused(error);
  if (status === 404) return { code: 'changed', what: 'it does not exist', hint: 'Somebody removed it. Put it back if there is a copy.', missing: true };
  if (status === 412) return { code: 'changed', what: 'it was changed meanwhile', hint: 'Leave what belongs to a job as it is while the job runs. The same command begins again.' };
  if (status === 501) return { code: 'unsupported', what: 'the S3 server cannot do this', hint: 'Use a server that knows conditional writes (If-None-Match), or choose another place.' };
  if (isPassing(error, status)) {
    const reason = status === undefined ? `the S3 server cannot be reached (${networkCodeOf(error) ?? error.name})` : `the S3 server cannot answer now`;
    return { code: 'unavailable', what: reason, hint: 'Check the network and AWS_ENDPOINT_URL_S3. What was written before is kept, and the same command goes on.', passing: true };
  }
  return { code: 'io', what: short(error.message), hint: 'Look at the bucket and its server, then go on with the same command.' };
}

function isOfCertificate({ code }: SdkError): boolean {
  return typeof code === 'string' && /CERT|^UNABLE_TO_(GET|VERIFY)|^ERR_TLS/.test(code);
}

function isWithoutRegion(error: SdkError): boolean {
  return error.$metadata === undefined && error.message.includes('Region is missing');
}

function refused(error: SdkError): Meaning {
  const expired = error.name === 'ExpiredToken';
  return {
    code: 'not_permitted',
    what: expired ? 'the credentials have expired' : 'access was denied',
    hint: expired ? 'Renew them, then go on with the same command.' : 'Check which credentials are used, and what they may do to this bucket: docs/storage.md lists what is needed.',
  };
}

function isPassing(error: SdkError, status: number | undefined): boolean {
  if (status !== undefined && status !== 200) return PASSING_STATUS.has(status) || PASSING_NAMES.has(error.name);
  // What the SDK tells of without a status was not answered.
  return error.$metadata !== undefined || PASSING_NAMES.has(error.name) || networkCodeOf(error) !== undefined || error.message === 'aborted';
}

/** Where several addresses were tried, the reason of the first. */
function networkCodeOf(error: SdkError): string | undefined {
  const first: unknown = Array.isArray(error.errors) ? error.errors[0] : undefined;
  const codes = [error.code, (first as SdkError | undefined)?.code];
  return codes.find((code): code is string => typeof code === 'string' && NETWORK_CODES.has(code));
}

/** The server's word for it and its id of the request, for those who look into its logs. */
function askedAs(error: SdkError): string {
  const named = statusOf(error) !== undefined && !/^(\d*|Error|Unknown(Error)?)$/.test(error.name);
  const facts = [named ? error.name : undefined, error.$metadata?.requestId && `request ${error.$metadata.requestId}`].filter(Boolean);
  return facts.length > 0 ? ` (${facts.join(', ')})` : '';
}

function short(message: string): string {
  return message.length > LONGEST_MESSAGE ? `${message.slice(0, LONGEST_MESSAGE)}…` : message.replace(/\.$/, '');
}
