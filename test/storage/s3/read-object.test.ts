/** Reading from a server whose connections drop, and of objects that somebody replaces. */
import { randomBytes } from 'node:crypto';
import { readChunks, readRecord } from '../../../src/storage';
import { BUCKET, S3Server } from '../../support/s3-server';
import { bytesOf } from '../helpers';

let server: S3Server;

beforeAll(async () => {
  server = await S3Server.start();
}, 300_000);

afterAll(() => server.stop());

afterEach(() => server.setFaults());

const LOCATION = `s3://${BUCKET}/object`;
const gets = async () => (await server.calls()).filter((call) => call.startsWith('GET') && call.includes('/object')).length;

it('goes on at the next byte where connections drop', async () => {
  const bytes = randomBytes(20_000_000);
  await server.put('object', bytes);
  await server.setFaults({ method: 'GET', contains: '/object', times: 6, cut: 1_000_001 });
  expect((await bytesOf(readChunks(LOCATION, { offset: 5 }))).equals(bytes.subarray(5))).toBe(true);
});

it('goes on after answers of a server in trouble', async () => {
  await server.put('object', '0123456789');
  await server.setFaults({ method: 'GET', contains: '/object', times: 4, status: 503 });
  expect((await bytesOf(readChunks(LOCATION, { offset: 2 }))).toString()).toBe('23456789');
});

it('gives up, as something that passes, where a connection never brings a byte', async () => {
  await server.put('object', '0123456789');
  await server.setFaults({ method: 'GET', contains: '/object', times: 100, cut: 0 });
  await expect(bytesOf(readChunks(LOCATION, { offset: 2 }))).rejects.toMatchObject({ code: 'unavailable', passing: true, path: LOCATION });
}, 60_000);

it('notices that an object was replaced while it was read', async () => {
  await server.put('object', randomBytes(20_000_000));
  const chunks = readChunks(LOCATION, { offset: 1 });
  await chunks.next();
  await server.put('object', randomBytes(20_000_000));
  await expect(bytesOf(chunks)).rejects.toMatchObject({ code: 'changed', passing: false, path: LOCATION, message: expect.stringContaining('changed meanwhile') });
});

it('notices that an object was removed while it was read', async () => {
  await server.put('object', randomBytes(20_000_000));
  const chunks = readChunks(LOCATION, { offset: 1 });
  await chunks.next();
  await server.delete('object');
  await expect(bytesOf(chunks)).rejects.toMatchObject({ code: 'changed', path: LOCATION });
});

it('asks once for a small record', async () => {
  await server.put('object', '{"a":1}');
  const before = await gets();
  expect(await readRecord(LOCATION)).toEqual({ a: 1 });
  expect((await gets()) - before).toBe(1);
});
