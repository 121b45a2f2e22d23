/** Locations: a path of this machine, or `s3://bucket/key`. Joined and taken apart without asking any store. */
import { dirname, join, resolve } from 'node:path';
import { StorageError } from './storage-error';

const S3_PREFIX = 's3://';
const BUCKET_AND_KEY = /^s3:\/\/([a-zA-Z0-9][\w.-]{1,61}[a-zA-Z0-9])(?:\/(.*))?$/s;

/** An object, or with the key of a folder all objects below `key/`. */
export interface S3Location {
  bucket: string;
  /** Without slashes at its end; empty for the whole bucket. */
  key: string;
}

/** Whether a location is in S3; else it is a path. */
export function isS3(location: string): boolean {
  return location.startsWith(S3_PREFIX);
}

/** @throws StorageError `unsupported` where it names no bucket. */
export function parseS3(location: string): S3Location {
  const match = BUCKET_AND_KEY.exec(location);
  if (!match) throw new StorageError('unsupported', location, `${location} is not a location in S3.`, 'Write s3://BUCKET/KEY.');
  return { bucket: match[1]!, key: withoutEndSlashes(match[2] ?? '') };
}

/** The location of names below another one. */
export function joinLocation(location: string, ...names: string[]): string {
  return isS3(location) ? [withoutEndSlashes(location), ...names].join('/') : join(location, ...names);
}

/** The folder that a location stands in; a bucket stands in itself. */
export function parentLocation(location: string): string {
  if (!isS3(location)) return dirname(location);
  const { bucket, key } = parseS3(location);
  return joinLocation(`${S3_PREFIX}${bucket}`, ...key.split('/').slice(0, -1));
}

/**
 * One spelling for one location: an absolute path, or `s3://bucket/key` without slashes at its end.
 * @param folder against which a relative path is resolved; default the current one.
 * @throws StorageError `unsupported` where it names no bucket.
 */
export function absoluteLocation(location: string, folder = process.cwd()): string {
  if (!isS3(location)) return resolve(folder, location);
  const { bucket, key } = parseS3(location);
  return key === '' ? `${S3_PREFIX}${bucket}` : `${S3_PREFIX}${bucket}/${key}`;
}

function withoutEndSlashes(text: string): string {
  let end = text.length;
  while (end > 0 && text[end - 1] === '/') end--;
  return text.slice(0, end);
}
