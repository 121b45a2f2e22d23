/** No test is left out of both forms: `npm run test:long` looks wherever a file has a long form. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(__dirname, '..', '..');
const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: Record<string, string> };

/** What a file of tests says that has a long form: it asks which form runs, or has cases of which some are left out. */
const HAS_LONG_FORM = /from '[./]+(?:support\/)?long-form'|testSideBySide\(|process\.env\['KILLS'\]/;

test('each file with a long form lies in a folder of test:long', () => {
  const folders = scripts['test:long']!.split('run-tests.js ')[1]!.split(' ');
  const files = readdirSync(join(ROOT, 'test'), { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.test.ts'));
  const withLongForm = files.filter((path) => path.endsWith('.long.test.ts') || HAS_LONG_FORM.test(readFileSync(join(ROOT, 'test', path), 'utf8'))).map((path) => `test/${path}`);
  expect(withLongForm.length).toBeGreaterThan(50);
  expect(withLongForm.filter((path) => !folders.some((folder) => path.startsWith(folder)))).toEqual([]);
});
