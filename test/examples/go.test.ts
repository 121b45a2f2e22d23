/** The examples in Go, built once for each change of them. Needs go. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { madeOnce } from '../support/made-once';
import { testOtherLanguage } from '../support/other-language';

const folder = join(__dirname, '..', '..', 'examples', 'go');

testOtherLanguage(() => {
  const programs = built();
  return { followUpWorker: [join(programs, 'followup')], runJob: [join(programs, 'runjob')] };
});

/** @returns the folder of the programs. */
function built(): string {
  const hash = createHash('sha256');
  const sources = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => /\.(go|mod|sum)$/.test(name));
  for (const name of sources.sort()) hash.update(name).update(readFileSync(join(folder, name)));
  return madeOnce(`go-examples-${hash.digest('hex').slice(0, 16)}`, (programs) => {
    try {
      execFileSync('go', ['build', '-C', folder, '-o', `${programs}/`, './...'], { stdio: ['ignore', 'ignore', 'inherit'] });
    } catch (error) {
      throw new Error(`${folder} could not be built. This test needs go on the PATH, and a proxy of Go modules to download from.`, { cause: error });
    }
  });
}
