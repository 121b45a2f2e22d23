/** What a person or Temporal is told where S3 does not do what is asked, and what nobody is told. */
import { inspect } from 'node:util';
import { S3Client } from '@aws-sdk/client-s3';
import { createRecord, look, openReplacement, readChunks, readRecord, StorageError, useS3 } from '../../../src/storage';
import { BUCKET, S3Server } from '../../support/s3-server';
import { bytesOf } from '../helpers';

let server: S3Server;

beforeAll(async () => {
  server = await S3Server.start();
}, 300_000);

afterAll(() => server.stop());

afterEach(async () => {
  useS3({});
  Object.assign(process.env, server.env);
  await server.setFaults();
});

async function errorOf(call: Promise<unknown>): Promise<StorageError> {
  const error: unknown = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(StorageError);
  return error as StorageError;
}

const record = (name: string) => `s3://${BUCKET}/${name}`;

it('names a bucket that does not exist', async () => {
  for (const call of [() => readRecord('s3://no-such-bucket/a'), () => createRecord('s3://no-such-bucket/a', {}), () => look('s3://no-such-bucket/a')]) {
    expect(await errorOf(call())).toMatchObject({ code: 'no_bucket', passing: false, message: expect.stringContaining('no bucket no-such-bucket'), hint: expect.stringContaining('AWS_REGION') });
  }
});

it('names an object that does not exist', async () => {
  expect(await errorOf(bytesOf(readChunks(record('none'))))).toMatchObject({ code: 'changed', missing: true, path: record('none') });
});

it('says that a server cannot be reached, which passes', async () => {
  process.env['AWS_ENDPOINT_URL_S3'] = 'http://127.0.0.1:9';
  expect(await errorOf(readRecord(record('a')))).toMatchObject({ code: 'unavailable', passing: true, message: expect.stringContaining('cannot be reached') });
});

it('says that a server is in trouble, which passes', async () => {
  await server.setFaults({ method: 'PUT', contains: '/a', times: 10, status: 503 });
  expect(await errorOf(createRecord(record('a'), {}))).toMatchObject({ code: 'unavailable', passing: true });
});

it('says that there are no credentials', async () => {
  for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY']) delete process.env[name];
  process.env['AWS_SHARED_CREDENTIALS_FILE'] = process.env['AWS_CONFIG_FILE'] = '/dev/null';
  try {
    expect(await errorOf(readRecord(record('a')))).toMatchObject({ code: 'not_configured', passing: false, hint: expect.stringContaining('AWS_ACCESS_KEY_ID') });
  } finally {
    delete process.env['AWS_SHARED_CREDENTIALS_FILE'];
    delete process.env['AWS_CONFIG_FILE'];
  }
});

it('says that no region is set', async () => {
  delete process.env['AWS_REGION'];
  process.env['AWS_CONFIG_FILE'] = '/dev/null';
  try {
    expect(await errorOf(readRecord(record('a')))).toMatchObject({ code: 'not_configured', hint: expect.stringContaining('AWS_REGION') });
  } finally {
    delete process.env['AWS_CONFIG_FILE'];
  }
});

it('refuses a location without a bucket', async () => {
  expect(await errorOf(Promise.resolve().then(() => look('s3:///key')))).toMatchObject({ code: 'unsupported' });
});

it('takes a client of one\'s own', async () => {
  process.env['AWS_ENDPOINT_URL_S3'] = 'http://127.0.0.1:9';
  useS3(server.client);
  expect(await createRecord(record('own-client'), { a: 1 })).toBe(true);
  useS3({ endpoint: server.env.AWS_ENDPOINT_URL_S3 });
  expect(await readRecord(record('own-client'))).toEqual({ a: 1 });
});

it('knows that a create whose answer was lost was its own', async () => {
  await server.setFaults({ method: 'PUT', contains: '/lost', times: 1, lose: true });
  expect(await createRecord(record('lost'), { mine: true })).toBe(true);
  expect(await createRecord(record('lost'), { mine: true })).toBe(false);
});

it('refuses a server that does not know conditional writes', async () => {
  await server.setFaults({ method: 'PUT', contains: '/ignored', times: 10, unconditional: true });
  expect(await errorOf(createRecord(record('ignored'), {}))).toMatchObject({ code: 'unsupported', passing: false, hint: expect.stringContaining('If-None-Match') });
});

it('takes back an upload of which a part fails', async () => {
  const file = await openReplacement(record('large'));
  await server.setFaults({ method: 'PUT', contains: 'partNumber=2', times: 10, status: 500 });
  const fill = async () => {
    for (let n = 0; n < 5; n++) await file.writer.append(Buffer.alloc(5_000_000));
    await file.commit();
  };
  expect(await errorOf(fill())).toMatchObject({ code: 'unavailable', passing: true });
  expect(await server.openUploads()).toBe(1);
  await file.discard();
  expect(await server.openUploads()).toBe(0);
  expect(await look(record('large'))).toBeUndefined();
});

describe('a server that looks at credentials', () => {
  let strict: S3Server;

  beforeAll(async () => {
    // The one call that makes the bucket is free.
    strict = await S3Server.start({ env: { INITIAL_NO_AUTH_ACTION_COUNT: '1' } });
  }, 300_000);

  afterAll(() => strict.stop());

  it('names what was refused, and shows no key', async () => {
    Object.assign(process.env, strict.env, { AWS_ACCESS_KEY_ID: 'unknown-access-key', AWS_SECRET_ACCESS_KEY: 'very-secret-key', AWS_SESSION_TOKEN: 'session-token' });
    try {
      for (const call of [() => readRecord(record('a')), () => createRecord(record('a'), {}), () => look(record('a'))]) {
        const error = await errorOf(call());
        expect(error).toMatchObject({ code: 'not_permitted', passing: false, hint: expect.stringContaining('docs/storage.md') });
        expect(inspect(error, { depth: 10 })).not.toMatch(/unknown-access-key|very-secret-key|session-token|Signature=/);
      }
    } finally {
      delete process.env['AWS_SESSION_TOKEN'];
    }
  });
});

it('makes one client and keeps it', async () => {
  const spy = jest.spyOn(S3Client.prototype, 'send');
  await Promise.all([look(record('x')), look(record('y'))]);
  expect(new Set(spy.mock.contexts).size).toBe(1);
  spy.mockRestore();
});
