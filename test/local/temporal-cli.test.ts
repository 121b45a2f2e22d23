import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { findTemporalCli } from '../../src/local';
import { compareVersions } from '../../src/local/versions';
import type { TestHome } from './support';
import { temporalCliPath, testHome } from './support';

let home: TestHome;
let folder: string;
/** No programs but those that a test puts there. */
let env: { PATH: string; TMPDIR: string };
beforeEach(async () => {
  home = await testHome();
  folder = await mkdtemp(join(tmpdir(), 'message-batches-programs-'));
  env = { PATH: join(folder, 'path'), TMPDIR: join(folder, 'tmp') };
  await mkdir(env.PATH);
  await mkdir(env.TMPDIR);
});
afterEach(async () => {
  await home.remove();
  await rm(folder, { recursive: true, force: true });
});

/** A program that answers as the Temporal CLI does when it is asked for its version. */
async function program(path: string, server: string, answer = `temporal version 1.5.1 (Server ${server}, UI 2.42.1)`): Promise<string> {
  await writeFile(path, `#!/bin/sh\necho '${answer}'\n`);
  await chmod(path, 0o755);
  return path;
}

const find = (more: NodeJS.ProcessEnv = {}, serverAtLeast?: string, build = true) => findTemporalCli(home, { ...env, ...more }, home.say, { build, serverAtLeast });

test('the real program tells its versions', async () => {
  expect(await find({ TEMPORAL_CLI_PATH: temporalCliPath() })).toEqual({
    path: temporalCliPath(),
    source: 'TEMPORAL_CLI_PATH',
    version: expect.stringMatching(/^\d+\.\d+\.\d+/),
    serverVersion: expect.stringMatching(/^\d+\.\d+\.\d+/),
  });
});

test('TEMPORAL_CLI_PATH, PATH, home folder, SDK download: in this order', async () => {
  const downloaded = await program(join(env.TMPDIR, 'temporal-sdk-typescript-1.24.0'), '1.4.0');
  expect(await find()).toMatchObject({ path: downloaded, source: "SDK's download", serverVersion: '1.4.0' });

  const inHome = await program(join(home.bin, 'temporal-1.5.1'), '1.3.0');
  expect(await find()).toMatchObject({ path: inHome, source: 'home folder', serverVersion: '1.3.0' });

  const onPath = await program(join(env.PATH, 'temporal'), '1.2.0');
  expect(await find()).toMatchObject({ path: onPath, source: 'PATH', serverVersion: '1.2.0' });

  const named = await program(join(folder, 'any-name'), '1.1.0');
  expect(await find({ TEMPORAL_CLI_PATH: named })).toMatchObject({ path: named, source: 'TEMPORAL_CLI_PATH', serverVersion: '1.1.0' });
  expect(await find({ TEMPORAL_CLI_PATH: '' })).toMatchObject({ source: 'PATH' });
});

test('the newest in the home folder and of the downloads is taken', async () => {
  for (const version of ['1.9.0', '1.24.0', '1.10.1']) await program(join(env.TMPDIR, `temporal-sdk-typescript-${version}`), version);
  await program(join(env.TMPDIR, 'temporal-sdk-typescript-1.30.0.downloading'), '1.30.0');
  expect(await find()).toMatchObject({ serverVersion: '1.24.0' });
  for (const version of ['1.5.1', '1.10.0']) await program(join(home.bin, `temporal-${version}`), version);
  expect(await find()).toMatchObject({ serverVersion: '1.10.0' });
});

test('a download that others could have put there is not run', async () => {
  await chmod(await program(join(env.TMPDIR, 'temporal-sdk-typescript-1.24.0'), '1.29.0'), 0o777);
  await expect(find()).rejects.toMatchObject({ code: 'temporal_cli_not_found' });
});

test('another program of that name is passed over, and this is said', async () => {
  const other = await program(join(env.PATH, 'temporal'), '', 'temporal, a tool for dates, 3.0');
  const inHome = await program(join(home.bin, 'temporal-1.5.1'), '1.29.1');
  expect(await find()).toMatchObject({ path: inHome });
  expect(home.said).toEqual([`Passing over ${other} (PATH): it is not the Temporal CLI.`]);
});

test('one that is older than the database is passed over', async () => {
  const old = await program(join(env.PATH, 'temporal'), '1.28.2');
  const inHome = await program(join(home.bin, 'temporal-1.5.1'), '1.29.1');
  expect(await find({}, '1.29.1')).toMatchObject({ path: inHome });
  await rm(inHome);
  await expect(find({}, '1.29.1')).rejects.toMatchObject({ code: 'temporal_cli_too_old', message: expect.stringContaining(`written by Temporal server 1.29.1; ${old} is the older 1.28.2`) });
  await expect(find({ TEMPORAL_CLI_PATH: old }, '1.29.1')).rejects.toMatchObject({ code: 'temporal_cli_too_old', hint: expect.stringContaining('TEMPORAL_CLI_PATH') });
});

test.each(['does-not-exist', 'not-a-program', '.'])('TEMPORAL_CLI_PATH that names %s is refused, not passed over', async (name) => {
  await program(join(env.PATH, 'temporal'), '1.29.1');
  await writeFile(join(folder, 'not-a-program'), '');
  await expect(find({ TEMPORAL_CLI_PATH: join(folder, name) })).rejects.toMatchObject({ code: 'temporal_cli_unusable', message: expect.stringContaining('TEMPORAL_CLI_PATH names') });
});

test('where there is none and no Go, all choices are named', async () => {
  const error = (await find().catch((error: unknown) => error)) as { code: string; hint: string };
  expect(error.code).toBe('temporal_cli_not_found');
  for (const choice of ['TEMPORAL_CLI_PATH', 'TEMPORAL_ADDRESS', 'https://go.dev/dl', 'https://docs.temporal.io/cli']) expect(error.hint).toContain(choice);
});

test('where Go could build it but is not to, this is said; what it builds is not built in vain', async () => {
  await program(join(env.PATH, 'go'), '');
  await expect(find({}, undefined, false)).rejects.toMatchObject({ code: 'temporal_cli_not_found', hint: expect.stringContaining('builds it with Go') });
  const old = await program(join(home.bin, 'temporal-1.5.1'), '1.29.1');
  await expect(find({}, '1.30.0')).rejects.toMatchObject({ code: 'temporal_cli_too_old', message: expect.stringContaining(old) });
});

test('a path that is relative to here is good from elsewhere', async () => {
  const path = await program(join(folder, 'temporal'), '1.29.1');
  expect(await find({ TEMPORAL_CLI_PATH: relative(process.cwd(), path) })).toMatchObject({ path });
  expect(await find({ PATH: relative(process.cwd(), folder) })).toMatchObject({ path });
});

test('versions are compared by number', () => {
  expect(['1.10.0', '1.9.3', '1.9.12', '2.0.0-rc.1', '0.30.0'].sort(compareVersions)).toEqual(['0.30.0', '1.9.3', '1.9.12', '1.10.0', '2.0.0-rc.1']);
  expect(compareVersions('1.29.1', '1.29.1')).toBe(0);
});
