import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { embeddedServer, temporalConnection, usesEmbeddedServer } from '../../src/local';
import type { TestHome } from './support';
import { testHome } from './support';

let folder: string;
let home: TestHome;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'message-batches-config-'));
  home = await testHome();
});
afterEach(async () => {
  await home.remove();
  await rm(folder, { recursive: true, force: true });
});

const connectionBy = (env: NodeJS.ProcessEnv) => temporalConnection(home, { HOME: folder, ...env }, home.say);

test('TEMPORAL_ADDRESS names the server, and nothing is started', async () => {
  expect(await connectionBy({ TEMPORAL_ADDRESS: 'temporal.example:7233' })).toMatchObject({
    address: 'temporal.example:7233',
    namespace: 'default',
    embedded: false,
    connectionOptions: { address: 'temporal.example:7233' },
  });
  expect(home.said).toEqual([]);
  expect(await embeddedServer(home)).toBeUndefined();
});

test('namespace, API key and TLS go along', async () => {
  const { namespace, connectionOptions } = await connectionBy({ TEMPORAL_ADDRESS: 'eu.example:7233', TEMPORAL_NAMESPACE: 'batches', TEMPORAL_API_KEY: 'not-a-real-key' });
  expect(namespace).toBe('batches');
  expect(connectionOptions).toMatchObject({ apiKey: 'not-a-real-key', tls: true });
});

test('a profile of the configuration file names the server', async () => {
  const file = join(folder, 'temporal.toml');
  await writeFile(file, '[profile.staging]\naddress = "staging.example:7233"\nnamespace = "tests"\n');
  const env = { TEMPORAL_CONFIG_FILE: file, TEMPORAL_PROFILE: 'staging' };
  expect(usesEmbeddedServer({ HOME: folder, ...env })).toBe(false);
  expect(await connectionBy(env)).toMatchObject({ address: 'staging.example:7233', namespace: 'tests', embedded: false });
});

test.each([{}, { TEMPORAL_ADDRESS: '' }, { TEMPORAL_NAMESPACE: 'default' }, { TEMPORAL_CLI_PATH: '/somewhere/temporal' }])('%j leave it to the embedded server', (env) => {
  expect(usesEmbeddedServer({ HOME: folder, ...env })).toBe(true);
});

test.each([
  [{ TEMPORAL_NAMESPACE: 'batches' }, 'name a namespace, but not the address'],
  [{ TEMPORAL_API_KEY: 'not-a-real-key', TEMPORAL_NAMESPACE: 'batches' }, 'name a namespace and an API key, but not the address'],
  [{ TEMPORAL_PROFILE: 'nowhere' }, "Profile 'nowhere' not found"],
])('%j are settings of a server that is not named', async (env, message) => {
  const error = (await connectionBy(env).catch((error: unknown) => error)) as Error;
  expect(error).toMatchObject({ name: 'LocalError', code: 'temporal_settings', message: expect.stringContaining(message) });
  expect(JSON.stringify(error) + error.message).not.toContain('not-a-real-key');
});

test('a configuration file that cannot be read is named as such', async () => {
  const file = join(folder, 'temporal.toml');
  await writeFile(file, '[profile');
  await expect(connectionBy({ TEMPORAL_CONFIG_FILE: file })).rejects.toMatchObject({ code: 'temporal_settings', hint: expect.stringContaining('TEMPORAL_CONFIG_FILE') });
});
