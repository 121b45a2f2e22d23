/** Builds the `temporal` program from its Go module, where no other is found: once a home, whoever comes first. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, open, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freeBytes } from './disk-space';
import { setting } from './environment';
import type { Home } from './home';
import { LocalError } from './local-error';
import { withLock } from './lock';
import type { LogFile } from './log-file';
import { lastLines, openLog } from './log-file';
import type { ProcessIdentity } from './processes';
import { endProcess, identifyProcess, listProcesses } from './processes';
import { isExecutable } from './programs';
import type { Say } from './say';

/** The newest version that builds outside its own repository: later ones have a local `replace`. */
export const TEMPORAL_CLI_VERSION = '1.5.1';

/** The server in it. */
export const BUILT_SERVER_VERSION = '1.29.1';

/** The module names the program as a tool, so that `go mod tidy` finds all that it needs. */
const GO_MOD = `module message-batches.local/temporal

go 1.25.0

tool github.com/temporalio/cli/cmd/temporal

require github.com/temporalio/cli v${TEMPORAL_CLI_VERSION}
`;

/** The program has 213 MB; Go's own caches need about 3 GB more, wherever they lie. */
const BYTES_NEEDED = 500_000_000;

/** Longer than a build takes on a slow machine with a slow network. */
const BUILD_TIMEOUT_MS = 60 * 60_000;

/** How often a build says that it goes on. */
const PROGRESS_MS = 30_000;

/** How long Go gets to stop when a build that nobody waits for any more is ended. */
const GRACE_MS = 5_000;

/**
 * Builds the program, or waits while another process of this home does.
 * @param go path of the `go` program.
 * @returns its path, `bin/temporal-VERSION` in the home folder.
 * @throws LocalError `temporal_build_failed`
 */
export async function buildTemporalCli(home: Home, go: string, env: NodeJS.ProcessEnv, say: Say): Promise<string> {
  const path = join(home.bin, `temporal-${TEMPORAL_CLI_VERSION}`);
  const lock = {
    timeoutMs: BUILD_TIMEOUT_MS,
    doing: 'builds the Temporal server',
    onWait: ({ pid }: ProcessIdentity) => say(`Waiting for process ${pid}, which builds the Temporal server (4 to 7 minutes on two cores).`),
  };
  await withLock(home, 'temporal-build', lock, async () => {
    if (await isExecutable(path)) return;
    await build(home, go, env, say, path);
  });
  return path;
}

async function build(home: Home, program: string, env: NodeJS.ProcessEnv, say: Say, path: string): Promise<void> {
  const free = await freeBytes(home.bin);
  if (free < BYTES_NEEDED) {
    throw new LocalError('temporal_build_failed', `There is no room to build the Temporal server: ${home.bin} has ${megabytes(free)} MB free, ${megabytes(BYTES_NEEDED)} are needed.`, 'Free some disk space, and run the same command again.');
  }
  const folder = join(home.bin, '.temporal-build');
  await endAbandoned(folder);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { mode: 0o700 });
  const log = await openLog(join(home.logs, 'temporal-build.log'));
  try {
    await writeFile(join(folder, 'go.mod'), GO_MOD);
    const go = new Go(program, folder, env, say, log);
    say(`There is no Temporal server on this machine yet: building temporal ${TEMPORAL_CLI_VERSION} with Go, this once. About 5 to 8 minutes and 3 GB of disk (most of it in Go's caches).`);
    await go.run('downloading its source, about 40 s', ['mod', 'tidy']);
    const ldflags = `-s -w -X github.com/temporalio/cli/temporalcli.Version=${TEMPORAL_CLI_VERSION}`;
    await go.run('compiling, 4 to 7 minutes on two cores', ['build', '-mod=mod', '-buildvcs=false', '-ldflags', ldflags, '-o', outputIn(folder), 'github.com/temporalio/cli/cmd/temporal']);
    // Complete on disk before it gets its name: a cut program would be found and trusted later.
    const built = await open(outputIn(folder), 'r');
    await built.sync().finally(() => built.close());
    await rename(outputIn(folder), path);
    say(`Built ${path}.`);
  } finally {
    await log.handle.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** The `go` of a build whose process was killed goes on by itself; it would only slow down the next one. */
async function endAbandoned(folder: string): Promise<void> {
  for (const { pid, commandLine } of await listProcesses()) {
    if (!commandLine.includes(` -o ${outputIn(folder)} `)) continue;
    const abandoned = await identifyProcess(pid);
    if (abandoned) await endProcess(abandoned, GRACE_MS);
  }
}

function outputIn(folder: string): string {
  return join(folder, 'temporal');
}

class Go {
  constructor(
    private readonly program: string,
    private readonly folder: string,
    private readonly env: NodeJS.ProcessEnv,
    private readonly say: Say,
    private readonly log: LogFile,
  ) {}

  async run(step: string, args: string[]): Promise<void> {
    const { folder, say, log } = this;
    say(`Building the Temporal server: ${step} …`);
    const started = performance.now();
    const progress = setInterval(() => say(`Building the Temporal server: ${step} … ${Math.round((performance.now() - started) / 1000)} s so far.`), PROGRESS_MS);
    try {
      const child = spawn(this.program, args, { cwd: folder, env: goEnvironment(this.env), stdio: ['ignore', log.handle.fd, log.handle.fd] });
      const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
      if (code !== 0) throw new Error(`\`go ${args[0]}\` ended with ${signal ?? `exit code ${code}`}`);
    } catch (error) {
      const lines = await lastLines(log, 5);
      throw new LocalError(
        'temporal_build_failed',
        `Building the Temporal server failed while ${step.split(',')[0]}: ${(error as Error).message}.${lines.map((line) => `\n  ${line}`).join('')}`,
        `The whole log: ${log.path}. Or do without building: set TEMPORAL_CLI_PATH to a \`temporal\` program, or TEMPORAL_ADDRESS to a server.`,
        { cause: error },
      );
    } finally {
      clearInterval(progress);
    }
  }
}

/** The user's own Go settings (proxy, caches, toolchain), without the keys of this product. */
function goEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = Object.entries(env).filter(([name]) => !/^(ANTHROPIC|TEMPORAL)_/.test(name));
  // -mod and workspaces of the user's own projects have no meaning here.
  const goflags = (setting(env, 'GOFLAGS') ?? '').split(' ').filter((flag) => flag && !flag.startsWith('-mod='));
  return { ...Object.fromEntries(kept), CGO_ENABLED: '0', GOWORK: 'off', GOFLAGS: goflags.join(' ') };
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 1e6);
}
