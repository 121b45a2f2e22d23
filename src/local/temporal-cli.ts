/** Finds the `temporal` program, whose `server start-dev` is the embedded server. */
import { execFile } from 'node:child_process';
import { readdir, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { setting, withoutSecrets } from './environment';
import type { Home } from './home';
import { LocalError } from './local-error';
import { findOnPath, isExecutable } from './programs';
import type { Say } from './say';
import { downloadTemporalCli } from './temporal-download';
import { BUILT_SERVER_VERSION, buildTemporalCli, TEMPORAL_CLI_VERSION } from './temporal-build';
import { compareVersions } from './versions';

/** Where it was found, in the order in which it is looked for. */
export type TemporalCliSource = 'TEMPORAL_CLI_PATH' | 'PATH' | 'home folder' | "SDK's download" | 'built from source';

export interface TemporalCli {
  path: string;
  source: TemporalCliSource;
  /** Version of the program. */
  version: string;
  /** Version of the server in it. */
  serverVersion: string;
}

export interface FindOptions {
  /** Build it with Go where there is none yet. */
  build: boolean;
  /** Version of the server that wrote the database: an older one does not do. */
  serverAtLeast?: string;
}

/** `temporal --version` of a program of 250 MB that may not be in the disk cache yet. */
const VERSION_TIMEOUT_MS = 30_000;

/**
 * Looks at TEMPORAL_CLI_PATH, on the PATH, in the home folder, and where the TypeScript SDK's test environment keeps
 * its download; where all that fails, builds it with Go, or without Go lets the SDK download it.
 * @throws LocalError `temporal_cli_not_found`, `temporal_cli_unusable`, `temporal_cli_too_old`, `temporal_build_failed`
 */
export async function findTemporalCli(home: Home, env: NodeJS.ProcessEnv, say: Say, { build, serverAtLeast }: FindOptions): Promise<TemporalCli> {
  const named = setting(env, 'TEMPORAL_CLI_PATH');
  if (named !== undefined) return useNamed(resolve(named), env, serverAtLeast);

  const candidates: [TemporalCliSource, () => Promise<string[]>][] = [
    ['PATH', async () => [await findOnPath(env, 'temporal')].filter((path) => path !== undefined)],
    ['home folder', () => inHome(home)],
    ["SDK's download", () => downloadedBySdk(env)],
  ];
  const tooOld: TemporalCli[] = [];
  for (const [source, list] of candidates) {
    for (const path of await list()) {
      const found = await inspect(path, source, env);
      if (typeof found === 'string') say(`Passing over ${path} (${source}): ${found}.`);
      else if (isOlder(found, serverAtLeast)) tooOld.push(found);
      else return found;
    }
  }
  for (const { path, serverVersion } of tooOld) say(`Passing over ${path}: its server ${serverVersion} is older than ${serverAtLeast}, which wrote the database.`);
  const go = await findOnPath(env, 'go');
  const buildable = go !== undefined && compareVersions(BUILT_SERVER_VERSION, serverAtLeast ?? '0.0.0') >= 0;
  if (build && buildable) {
    const built = await inspect(await buildTemporalCli(home, go, env, say), 'built from source', env);
    if (typeof built === 'string') throw new LocalError('temporal_build_failed', `The Temporal server was built, but ${built}.`, CHOICES);
    return built;
  }
  if (build && go === undefined) {
    const failure = await downloadTemporalCli(home, say);
    if (failure !== undefined) say(`It could not be downloaded: ${failure}`);
    for (const path of await inHome(home)) {
      const found = await inspect(path, 'home folder', env);
      if (typeof found !== 'string' && !isOlder(found, serverAtLeast)) return found;
    }
  }
  const [first] = tooOld;
  if (first && !buildable) throw olderThanDatabase(first, serverAtLeast);
  throw new LocalError(
    'temporal_cli_not_found',
    `There is no Temporal server on this machine: no \`temporal\` program on the PATH or in the home folder${go === undefined ? ', and no Go to build it with' : ''}.`,
    buildable ? 'The first command that needs it builds it with Go, once, in 5 to 8 minutes. To do without, set TEMPORAL_CLI_PATH or TEMPORAL_ADDRESS.' : CHOICES,
  );
}

const CHOICES = [
  'Any one of these will do:',
  'install the Temporal CLI (https://docs.temporal.io/cli) ·',
  'set TEMPORAL_CLI_PATH to a `temporal` program ·',
  `install Go (https://go.dev/dl), and it is built by itself (temporal ${TEMPORAL_CLI_VERSION}, up to 10 minutes, once) ·`,
  'set TEMPORAL_ADDRESS to a Temporal server that runs elsewhere.',
].join(' ');

async function useNamed(path: string, env: NodeJS.ProcessEnv, serverAtLeast: string | undefined): Promise<TemporalCli> {
  const found = await inspect(path, 'TEMPORAL_CLI_PATH', env);
  if (typeof found === 'string') {
    throw new LocalError('temporal_cli_unusable', `TEMPORAL_CLI_PATH names ${path}, but ${found}.`, 'Set it to the `temporal` program of the Temporal CLI, or remove it to let one be found.');
  }
  if (isOlder(found, serverAtLeast)) throw olderThanDatabase(found, serverAtLeast);
  return found;
}

/** @returns what it is, or why it cannot be used. */
async function inspect(path: string, source: TemporalCliSource, env: NodeJS.ProcessEnv): Promise<TemporalCli | string> {
  if (!(await isExecutable(path))) return 'that is not a program this user may run';
  let answer: string;
  try {
    answer = (await promisify(execFile)(path, ['--version'], { env: withoutSecrets(env), timeout: VERSION_TIMEOUT_MS })).stdout;
  } catch (error) {
    const { message } = error as Error;
    return `it does not tell its version (${message.split('\n')[0]})`;
  }
  const [, version, serverVersion] = /^temporal version (\S+) \(Server (\d+\.\d+\.\d+\S*?)[,)]/m.exec(answer) ?? [];
  if (version === undefined || serverVersion === undefined) return 'it is not the Temporal CLI';
  return { path, source, version, serverVersion };
}

function isOlder({ serverVersion }: TemporalCli, serverAtLeast: string | undefined): boolean {
  return serverAtLeast !== undefined && compareVersions(serverVersion, serverAtLeast) < 0;
}

function olderThanDatabase({ path, serverVersion }: TemporalCli, serverAtLeast: string | undefined): LocalError {
  return new LocalError(
    'temporal_cli_too_old',
    `The database was written by Temporal server ${serverAtLeast}; ${path} is the older ${serverVersion}, which could damage it.`,
    `Set TEMPORAL_CLI_PATH to a \`temporal\` program with server ${serverAtLeast} or later, or install one.`,
  );
}

/** `bin/temporal-VERSION`, built or downloaded, the newest first. */
async function inHome(home: Home): Promise<string[]> {
  const programs = (await readdir(home.bin)).flatMap((name) => {
    const version = /^temporal-(?:sdk-typescript-)?(\d+\.\d+\.\d+)$/.exec(name)?.[1];
    return version === undefined ? [] : [{ version, path: join(home.bin, name) }];
  });
  return programs.sort((a, b) => compareVersions(b.version, a.version)).map(({ path }) => path);
}

/**
 * The download of `TestWorkflowEnvironment.createLocal()` (`cached-download`): `temporal-sdk-typescript-VERSION` in the
 * temporary folder, by SDK Core's crates/sdk-core/src/ephemeral_server. Others may write there, so only a file of this
 * user that nobody else can change is trusted.
 */
async function downloadedBySdk(env: NodeJS.ProcessEnv): Promise<string[]> {
  const folder = setting(env, 'TMPDIR') ?? tmpdir();
  const names = await readdir(folder).catch(() => []);
  const versions = names.flatMap((name) => /^temporal-sdk-typescript-(\d+\.\d+\.\d+)$/.exec(name)?.[1] ?? []);
  const paths = versions.sort(compareVersions).reverse().map((version) => join(folder, `temporal-sdk-typescript-${version}`));
  const trusted = await Promise.all(paths.map(isOnlyOurs));
  return paths.filter((_, index) => trusted[index]);
}

async function isOnlyOurs(path: string): Promise<boolean> {
  const { uid, mode } = await stat(path);
  return uid === process.getuid?.() && (mode & 0o022) === 0;
}
