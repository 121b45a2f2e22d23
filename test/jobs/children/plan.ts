/** Plans an input into parts of 7,000 requests and says each step of the progress. `freeze`: stops itself after so many requests. */
import { planRoundOne } from '../../../src/jobs';

const [, , input, workFolder, freeze] = process.argv;
let frozen = false;

function onProgress({ lines }: { lines: number }): void {
  process.stdout.write(`${lines}\n`);
  if (!freeze || frozen || lines < Number(freeze)) return;
  frozen = true;
  process.stdout.write('frozen\n');
  process.kill(process.pid, 'SIGSTOP');
}

planRoundOne({ input: input!, workFolder: workFolder!, maxRequests: 7000, onProgress }).catch(() => process.exit(1));
