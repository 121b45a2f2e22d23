import { execFileSync } from 'node:child_process';
import { join, relative, sep } from 'node:path';

const ROOT = join(__dirname, '..', '..');
const HOOK = join(ROOT, 'test', 'support', 'typescript-hook.js');

/** Loads a module in a process of its own; tells which files of this repository and which packages came with it. */
function loadedBy(module: string): { files: string[]; packages: string[] } {
  const script = `require(${JSON.stringify(join(ROOT, module))}); console.log(JSON.stringify(Object.keys(require.cache)));`;
  const paths = JSON.parse(execFileSync(process.execPath, ['-r', HOOK, '-e', script], { encoding: 'utf8' })) as string[];
  const names = paths.map((path) => relative(ROOT, path).split(sep).join('/'));
  const packageOf = (name: string) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(name)?.[1];
  const packages = new Set(names.map(packageOf).filter((name) => name !== undefined && !name.startsWith('@swc/')));
  return { files: names.filter((name) => name.startsWith('src/')), packages: [...packages] as string[] };
}

test('the client loads undici, and of this repository nothing but itself, the reader of lines and two files of constants', () => {
  const { files, packages } = loadedBy('src/api/index.ts');
  expect(packages).toEqual(['undici']);
  expect(files).toContain('src/api/message-batches-api.ts');
  const others = files.filter((file) => !file.startsWith('src/api/') && !file.startsWith('src/jsonl/'));
  expect(others.filter((file) => !['src/contract/data.ts', 'src/contract/limits.ts'].includes(file))).toEqual([]);
});

test('a module that needs Temporal is seen to load it', () => {
  const { files, packages } = loadedBy('src/activities/index.ts');
  expect(packages).toContain('@temporalio/activity');
  expect(files).toContain('src/jobs/index.ts');
});
