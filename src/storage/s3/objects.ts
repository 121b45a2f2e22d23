/** The calls of S3 that are needed here, one function each. Retries of single calls are the SDK's. */
import { randomUUID } from 'node:crypto';
import type { _Object, GetObjectCommandOutput } from '@aws-sdk/client-s3';
import { parseS3 } from '../location';
import { StorageError } from '../storage-error';
import type { Found } from '../store';
import { s3, type S3 } from './client';
import { s3Error, statusOf, wasRetried } from './s3-error';

const TYPES: Record<string, string> = { json: 'application/json', jsonl: 'application/jsonl' };
/** Who wrote an object: tells a write whose answer was lost from that of another. */
const WRITE_ID = 'message-batches-write';
/** Objects that one call can delete. */
const DELETED_AT_ONCE = 1_000;
/** So many times a conditional write is tried while another one of the same key is under way. */
const CONFLICT_TRIES = 10;
const BETWEEN_CONFLICTS_MS = 200;

/** Whether a server heeds conditions is tried with records, the first of which comes before anything large. */
const LARGEST_PROBE_BYTES = 64 * 1024;

/** An object of a list. */
export interface ListedObject {
  /** Its key below the prefix that was asked for. */
  name: string;
  size: number;
  /** When it was last written, in ms since 1970; 0 where the server does not say. */
  modifiedMs: number;
}

/** Size of an object; undefined where there is none of exactly this key. */
export async function headObject(location: string): Promise<Found | undefined> {
  const { bucket, key } = parseS3(location);
  return unlessMissing('read', location, async ({ client, sdk }) => {
    const head = await client.send(new sdk.HeadObjectCommand({ Bucket: bucket, Key: key }));
    return { kind: 'file', size: head.ContentLength ?? 0 };
  });
}

/**
 * Begins to read an object.
 * @param range as HTTP writes it, e.g. `bytes=0-99`.
 * @param ifMatch the entity tag that it must still have.
 * @returns undefined where the range begins at or beyond its end.
 */
export async function getObject(location: string, range: string, ifMatch: string | undefined, signal: AbortSignal | undefined): Promise<GetObjectCommandOutput | undefined> {
  const { bucket, key } = parseS3(location);
  try {
    return await call('read', location, ({ client, sdk }) =>
      client.send(new sdk.GetObjectCommand({ Bucket: bucket, Key: key, Range: range, IfMatch: ifMatch }), { abortSignal: signal }).catch((error: unknown) => {
        if (statusOf(error) === 416) return undefined;
        throw error;
      }),
    );
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}

/** Writes an object, in place of an earlier one. */
export async function putObject(location: string, body: Buffer): Promise<void> {
  const { bucket, key } = parseS3(location);
  await call('write', location, ({ client, sdk }) => client.send(new sdk.PutObjectCommand({ Bucket: bucket, Key: key, Body: body, ContentType: typeOf(key) })));
}

/** Writes an object where there is none. @returns false where there is one; of several at once, exactly one gets true. */
export async function createObject(location: string, body: Buffer): Promise<boolean> {
  const created = await putIfAbsent(location, body);
  if (created && body.length <= LARGEST_PROBE_BYTES) await mustHeedConditions(location, body);
  return created;
}

/** Buckets of a client whose server was seen to refuse a write whose condition did not hold. */
const heeded = new WeakMap<S3['client'], Set<string>>();

/** A server that does not know conditional writes may take them for writes like all others: then nothing would be exclusive. */
async function mustHeedConditions(location: string, body: Buffer): Promise<void> {
  const { bucket } = parseS3(location);
  const { client } = await s3();
  const buckets = heeded.get(client) ?? new Set<string>();
  heeded.set(client, buckets);
  if (buckets.has(bucket)) return;
  if (await putIfAbsent(location, body)) {
    throw new StorageError('unsupported', location, `The S3 server of ${bucket} overwrites what is to be created only where there is nothing.`, 'Use a server that knows conditional writes (If-None-Match), or choose another place.');
  }
  buckets.add(bucket);
}

async function putIfAbsent(location: string, body: Buffer): Promise<boolean> {
  const { bucket, key } = parseS3(location);
  const id = randomUUID();
  return call('create', location, async ({ client, sdk }) => {
    for (let tries = 1; ; tries++) {
      try {
        await client.send(new sdk.PutObjectCommand({ Bucket: bucket, Key: key, Body: body, ContentType: typeOf(key), IfNoneMatch: '*', Metadata: { [WRITE_ID]: id } }));
        return true;
      } catch (error) {
        const status = statusOf(error);
        if (status === 409 && tries < CONFLICT_TRIES) await new Promise((resolve) => setTimeout(resolve, BETWEEN_CONFLICTS_MS));
        else if (status !== 412) throw error;
        // A try whose answer was lost may have written it.
        else return (wasRetried(error) || tries > 1) && (await writerOf({ client, sdk }, bucket, key)) === id;
      }
    }
  });
}

/**
 * Objects below `location/`, in the order of their names.
 * @param options.after only those whose names come after this one. @param options.limit most of them; default all.
 */
export async function* listObjects(location: string, { after, limit }: { after?: string; limit?: number } = {}): AsyncGenerator<ListedObject, void, undefined> {
  const { bucket } = parseS3(location);
  const prefix = prefixOf(location);
  let token: string | undefined;
  do {
    const page = await call('list', location, ({ client, sdk }) =>
      client.send(new sdk.ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, MaxKeys: limit, ContinuationToken: token, ...(after !== undefined && { StartAfter: prefix + after }) })),
    );
    for (const { Key = '', Size = 0, LastModified } of page.Contents ?? ([] as _Object[])) {
      yield { name: Key.slice(prefix.length), size: Size, modifiedMs: LastModified?.getTime() ?? 0 };
    }
    token = limit === undefined && page.IsTruncated ? page.NextContinuationToken : undefined;
  } while (token !== undefined);
}

/** Removes objects below a location, and says nothing of those that are not there. */
export async function deleteObjects(location: string, names: readonly string[]): Promise<void> {
  const { bucket } = parseS3(location);
  const prefix = prefixOf(location);
  for (let at = 0; at < names.length; at += DELETED_AT_ONCE) {
    const keys = names.slice(at, at + DELETED_AT_ONCE).map((name) => ({ Key: prefix + name }));
    const { Errors: errors = [] } = await call('remove', location, ({ client, sdk }) => client.send(new sdk.DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects: keys, Quiet: true } })));
    const [first] = errors;
    if (first) throw s3Error(Object.assign(new Error(first.Message), { name: first.Code ?? '', $metadata: { httpStatusCode: first.Code === 'AccessDenied' ? 403 : 500 } }), 'remove', location);
  }
}

export async function deleteObject(location: string): Promise<void> {
  const { bucket, key } = parseS3(location);
  await call('remove', location, ({ client, sdk }) => client.send(new sdk.DeleteObjectCommand({ Bucket: bucket, Key: key })));
}

/** Copies an object of at most 5 GB within the server. */
export async function copyObject(from: string, to: string): Promise<void> {
  const source = parseS3(from);
  const target = parseS3(to);
  const copySource = `${source.bucket}/${source.key.split('/').map(encodeURIComponent).join('/')}`;
  await call('copy', from, ({ client, sdk }) => client.send(new sdk.CopyObjectCommand({ Bucket: target.bucket, Key: target.key, CopySource: copySource })));
}

/** Makes calls, with their errors as StorageErrors that name the location. */
export async function call<T>(doing: string, location: string, calls: (s3: S3) => Promise<T>): Promise<T> {
  try {
    return await calls(await s3());
  } catch (error) {
    throw s3Error(error, doing, location);
  }
}

export function typeOf(key: string): string {
  return TYPES[key.slice(key.lastIndexOf('.') + 1)] ?? 'application/octet-stream';
}

async function unlessMissing<T>(doing: string, location: string, calls: (s3: S3) => Promise<T>): Promise<T | undefined> {
  return call(doing, location, (s3) =>
    calls(s3).catch((error: unknown) => {
      // A HEAD has no body that could tell a missing object from a missing bucket.
      if (statusOf(error) === 404) return undefined;
      throw error;
    }),
  );
}

async function writerOf({ client, sdk }: S3, bucket: string, key: string): Promise<string | undefined> {
  const head = await client.send(new sdk.HeadObjectCommand({ Bucket: bucket, Key: key }));
  return head.Metadata?.[WRITE_ID];
}

function prefixOf(location: string): string {
  const { key } = parseS3(location);
  return key === '' ? '' : `${key}/`;
}
