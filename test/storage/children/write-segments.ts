/** Appends numbered lines, going on after those that are stored; says each synced offset. */
import { splitLines } from '../../../src/jsonl';
import { openSegments } from '../../../src/storage';

async function main(folder: string): Promise<void> {
  const segments = await openSegments(folder);
  let n = 0;
  for await (const lines of splitLines(segments.read())) n += lines.length;
  const writer = await segments.begin();
  for (;;) {
    for (let i = 0; i < 1000; i++) await writer.append(Buffer.from(`${JSON.stringify({ n: n++, filler: 'x'.repeat(n % 300) })}\n`));
    process.stdout.write(`${await writer.sync()}\n`);
  }
}

main(process.argv[2]!).catch((error: Error) => process.stdout.write(`${error.name} ${error.message}\n`));
