/** The one place where the S3 client is made. The SDK is loaded when the first location in S3 is met. */
import type { S3Client, S3ClientConfig } from '@aws-sdk/client-s3';

type Sdk = typeof import('@aws-sdk/client-s3');

/** A client of one's own, or what one is to be made with. */
export type S3Settings = S3Client | S3ClientConfig;

/** The client, and the SDK that its commands come from. */
export interface S3 {
  client: S3Client;
  sdk: Sdk;
}

const CONNECT_TIMEOUT_MS = 10_000;
/** A connection on which nothing moves for so long is given up, in ms. */
const IDLE_TIMEOUT_MS = 60_000;

let settings: S3Settings = {};
let loading: Promise<S3> | undefined;

/**
 * Sets what this process reaches S3 with. Default: the SDK's own sources (`AWS_*` variables, its config files, the
 * machine's role). To be called before the first location in S3 is used; the last call counts.
 */
export function useS3(given: S3Settings): void {
  settings = given;
  loading = undefined;
}

export function s3(): Promise<S3> {
  return (loading ??= load(settings));
}

async function load(given: S3Settings): Promise<S3> {
  const sdk = await import('@aws-sdk/client-s3');
  return { sdk, client: 'send' in given ? given : new sdk.S3Client({ ...defaultConfig(process.env), ...given }) };
}

function defaultConfig(env: NodeJS.ProcessEnv): S3ClientConfig {
  const region = env['AWS_REGION'] || env['AWS_DEFAULT_REGION'];
  return {
    ...(region && { region }),
    // Servers other than Amazon's seldom have a host name for each bucket.
    forcePathStyle: Boolean(env['AWS_ENDPOINT_URL_S3'] || env['AWS_ENDPOINT_URL']),
    followRegionRedirects: true,
    requestHandler: { connectionTimeout: CONNECT_TIMEOUT_MS, socketTimeout: IDLE_TIMEOUT_MS },
  };
}
