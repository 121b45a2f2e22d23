/** Writes records as fast as it can, and says the name of each when it is on record. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { createRecord, replaceRecord } from '../../../src/storage';

async function main(folder: string): Promise<void> {
  const value = { filler: 'x'.repeat(20_000), end: true };
  for (;;) {
    const name = `${randomUUID()}.json`;
    await createRecord(join(folder, name), value);
    process.stdout.write(`${name}\n`);
    await replaceRecord(join(folder, 'latest.json'), value);
    process.stdout.write('latest.json\n');
  }
}

void main(process.argv[2]!);
