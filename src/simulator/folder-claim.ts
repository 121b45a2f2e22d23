/**
 * One folder belongs to one simulator at a time: two would not see each other's batches. The file `simulator.json`
 * names the one that serves a folder. It is asked whether it is still there, so that a killed one blocks nobody.
 */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

interface Claim {
  pid: number;
  url: string;
}

/** A simulator that is there answers at once; one that was stopped for a moment still holds its port. */
const ANSWER_WITHIN_MS = 1000;

/** @throws Error that names the other simulator, where there is one. */
export async function checkUnclaimed(folder: string): Promise<void> {
  const claim = await readClaim(folder);
  if (claim && (await isServed(claim))) {
    throw new Error(`The simulator at ${claim.url} (process ${claim.pid}) works with ${folder} already. Use that one, stop it, or choose another folder.`);
  }
}

export async function claimFolder(folder: string, url: string): Promise<void> {
  const claim: Claim = { pid: process.pid, url };
  await writeFile(claimPath(folder), JSON.stringify(claim));
}

export async function releaseFolder(folder: string, url: string): Promise<void> {
  if ((await readClaim(folder))?.url === url) await rm(claimPath(folder), { force: true });
}

function claimPath(folder: string): string {
  return join(folder, 'simulator.json');
}

async function readClaim(folder: string): Promise<Claim | undefined> {
  try {
    return JSON.parse(await readFile(claimPath(folder), 'utf8')) as Claim;
  } catch {
    // Missing, or cut by a kill while it was written: nobody serves the folder under that name.
    return undefined;
  }
}

async function isServed({ url, pid }: Claim): Promise<boolean> {
  try {
    const answer = await fetch(`${url}/simulator/stats`, { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
    await answer.body?.cancel();
    return answer.headers.get('x-message-batches-simulation') === 'true';
  } catch (error) {
    // It may be this process that stood still: it takes its own time limit for silence, whoever is there.
    return (error as Error).name === 'TimeoutError' && lives(pid);
  }
}

function lives(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
