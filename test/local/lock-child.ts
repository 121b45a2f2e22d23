/** Takes the lock `counter` so many times; each time adds one to a file, by reading and writing. With `hold`, keeps it. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openHome } from '../../src/local';
import { withLock } from '../../src/local/lock';

async function main(): Promise<void> {
  const home = await openHome(process.env);
  const [times = '1', hold] = process.argv.slice(2);
  const file = join(home.folder, 'counter');
  for (let time = 0; time < Number(times); time++) {
    await withLock(home, 'counter', { timeoutMs: 60_000 }, async () => {
      const count = Number(await readFile(file, 'utf8').catch(() => '0'));
      await new Promise(setImmediate);
      await writeFile(file, String(count + 1));
      if (hold) {
        process.stdout.write('holding\n');
        await new Promise((resolve) => setTimeout(resolve, 60_000));
      }
    });
  }
}

void main();
