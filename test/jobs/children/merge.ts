/** Merges a job of one round; says each step of the progress. */
import { mergeJob, readRoundPlan } from '../../../src/jobs';

async function main(workFolder: string, output: string): Promise<void> {
  const plan = (await readRoundPlan(workFolder, 1))!;
  await mergeJob({ workFolder, rounds: [plan], output, onProgress: () => process.stdout.write('.\n') });
}

void main(process.argv[2]!, process.argv[3]!);
