/** Writes 100,000 requests; says the memory it had before and at most, in MB. `tell`: says each step of the progress instead, and never comes to the end. */
import { readFileSync } from 'node:fs';
import { writeRequests } from '../../../src/jobs';

const [, , folder, tell] = process.argv;
const megabytes = (field: string) => Number(new RegExp(`${field}:\\s*(\\d+)`).exec(readFileSync('/proc/self/status', 'utf8'))![1]) / 1024;

async function* requests() {
  const content = 'a page of a question '.repeat(120);
  for (let i = 0; i < 100_000; i++) {
    // A timer, as a promise alone keeps no process.
    if (tell && i === 60_000) await new Promise(() => setInterval(() => undefined, 60_000));
    yield { custom_id: `q-${i}`, params: { model: 'claude-haiku-5-5', max_tokens: 10, messages: [{ role: 'user', content }] } };
  }
}

async function main(): Promise<void> {
  const before = megabytes('VmRSS');
  const { length } = await writeRequests(requests(), { folder: folder!, onProgress: () => tell && process.stdout.write('.\n') });
  process.stdout.write(JSON.stringify({ before, peak: megabytes('VmHWM'), length }));
}

void main();
