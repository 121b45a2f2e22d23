/**
 * `series.json` in a folder of segments names the folder below it that holds them. In S3 nothing can be moved at once,
 * and nobody can be kept from writing where he wrote before. So what is put aside, a folder of its own from the
 * beginning, is only no longer named here: what an attempt of it that was frozen still writes is read by nobody.
 */
import { randomBytes } from 'node:crypto';
import { joinLocation } from '../location';
import { StorageError } from '../storage-error';
import { copyObject, createObject, deleteObject, deleteObjects, listObjects } from './objects';
import { readWholeObject } from './read-object';
import { objectName } from './segment-objects';

const SERIES = /^[0-9a-f]{8}$/;

/** The folder of segments that counts in this one; undefined where none was begun. */
export async function seriesFolder(folder: string): Promise<string | undefined> {
  const series = await readSeries(folder);
  return series && joinLocation(folder, series);
}

/** As `seriesFolder`; begins one where there is none. Several at once get the same. */
export async function beginSeries(folder: string): Promise<string> {
  const series = randomBytes(4).toString('hex');
  if (await createSeries(folder, series)) return joinLocation(folder, series);
  return (await seriesFolder(folder)) ?? beginSeries(folder);
}

/** See `Store.moveSegments`: copies, then takes the name away, then removes. A kill in between is made good by the next call. */
export async function moveSeries(from: string, to: string): Promise<void> {
  const series = await readSeries(from);
  if (series === undefined) return;
  await createSeries(to, series);
  // An earlier attempt has done it; what lies there now are the results of the next batch.
  if ((await readSeries(to)) !== series) return;
  const source = joinLocation(from, series);
  const names: string[] = [];
  for await (const { name } of listObjects(source)) {
    await copyObject(joinLocation(source, name), joinLocation(to, series, name));
    names.push(name);
  }
  await deleteObject(recordOf(from));
  await deleteObjects(source, names);
}

/** Remembers in a series that the results are fetched anew, from byte 0. */
export async function beginGeneration(series: string, generation: number): Promise<void> {
  await createObject(joinLocation(series, objectName({ generation, start: 0, end: 0 })), Buffer.alloc(0));
}

async function readSeries(folder: string): Promise<string | undefined> {
  const bytes = await readWholeObject(recordOf(folder));
  if (!bytes) return undefined;
  const series = seriesIn(bytes.toString('utf8'));
  if (series !== undefined) return series;
  throw new StorageError('damaged', recordOf(folder), `${recordOf(folder)} does not name a folder of segments.`, 'Put it back from a copy.');
}

function createSeries(folder: string, series: string): Promise<boolean> {
  return createObject(recordOf(folder), Buffer.from(`${JSON.stringify({ series })}\n`));
}

function seriesIn(text: string): string | undefined {
  try {
    const { series } = JSON.parse(text) as { series?: unknown };
    return typeof series === 'string' && SERIES.test(series) ? series : undefined;
  } catch {
    return undefined;
  }
}

function recordOf(folder: string): string {
  return joinLocation(folder, 'series.json');
}
