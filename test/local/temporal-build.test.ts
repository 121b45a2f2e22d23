/** Building with Go, where `go` is a script that takes as long as a test wants: the real one takes minutes. */
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { listProcesses } from '../../src/local/processes';
import type { TestHome } from './support';
import { Child, testHome } from './support';

let home: TestHome;
let folder: string;
let env: NodeJS.ProcessEnv;
beforeEach(async () => {
  home = await testHome();
  folder = await mkdtemp(join(tmpdir(), 'message-batches-go-'));
  env = { PATH: `${folder}:/usr/bin:/bin`, TMPDIR: folder, HOME: folder, MESSAGE_BATCHES_HOME: home.folder, ANTHROPIC_API_KEY: 'not-a-real-key' };
});
afterEach(async () => {
  await home.remove();
  await rm(folder, { recursive: true, force: true });
});

/** @param steps what `go build` does before its output is there. */
async function go(steps: string): Promise<void> {
  const script = `#!/bin/sh
echo "$1 key=$ANTHROPIC_API_KEY cgo=$CGO_ENABLED" >> '${folder}/calls'
[ "$1" = build ] || exit 0
cp go.mod '${folder}/go.mod'
${steps}
while [ "$1" != -o ]; do shift; done
printf '#!/bin/sh\\necho "temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)"\\n' > "$2"
chmod 755 "$2"
`;
  await writeFile(join(folder, 'go'), script);
  await chmod(join(folder, 'go'), 0o755);
}

const calls = async () => (await readFile(join(folder, 'calls'), 'utf8').catch(() => '')).trim().split('\n');

test('ten commands build it once, in one piece, and the others wait for it', async () => {
  await go('sleep 3');
  const children = Array.from({ length: 10 }, () => new Child('build-child.ts', [], env));
  expect(await Promise.all(children.map((child) => child.ended))).toEqual(Array(10).fill(0));
  const path = join(home.bin, 'temporal-1.5.1');
  for (const { stdout } of children) expect(JSON.parse(stdout)).toMatchObject({ path, serverVersion: '1.29.1' });
  // The key is kept from Go.
  expect(await calls()).toEqual(['mod key= cgo=0', 'build key= cgo=0']);
  expect(await readFile(join(folder, 'go.mod'), 'utf8')).toMatch(/^tool github.com\/temporalio\/cli\/cmd\/temporal$/m);
  expect(await readdir(home.bin)).toEqual(['temporal-1.5.1']);
  const told = children.map(({ stderr }) => stderr).join('');
  expect(told).toMatch(/building temporal 1\.5\.1 with Go, this once\. About 5 to 8 minutes/);
  expect(told).toMatch(/Waiting for process \d+, which builds the Temporal server \(4 to 7 minutes/);
});

test('a build whose command is killed is ended, and made again by the next', async () => {
  // The marker tells this sleep from others.
  await go(`[ -e '${folder}/second' ] || sleep 86421`);
  const first = new Child('build-child.ts', [], env);
  while ((await calls()).length < 2) await delay(20);
  first.process.kill('SIGKILL');
  await first.ended;
  await mkdir(join(folder, 'second'));
  const second = new Child('build-child.ts', [], env);
  expect(await second.ended).toBe(0);
  expect(await readdir(home.bin)).toEqual(['temporal-1.5.1']);
  const goes = (await listProcesses()).filter(({ commandLine }) => commandLine.includes(join(folder, 'go')));
  expect(goes).toEqual([]);
  // What the script had started, as `go` its compilers.
  for (const { pid, commandLine } of await listProcesses()) if (commandLine === 'sleep 86421') process.kill(pid, 'SIGKILL');
});

test('a failure tells what Go said and what else can be done, and leaves nothing behind', async () => {
  await go('echo "no required module provides package x" >&2; exit 1');
  const child = new Child('build-child.ts', [], env);
  expect(await child.ended).toBe(1);
  expect(child.stderr).toContain('Building the Temporal server failed while compiling: `go build` ended with exit code 1.\n  no required module provides package x');
  for (const choice of ['temporal-build.log', 'TEMPORAL_CLI_PATH', 'TEMPORAL_ADDRESS']) expect(child.stderr).toContain(choice);
  expect(await readdir(home.bin)).toEqual([]);
});
