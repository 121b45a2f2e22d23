import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { checkInput, InputError } from '../../jobs';
import type { InputCheck } from '../../jobs';
import { CliError } from '../cli-error';
import type { CommandContext, CommonOptions } from '../command';
import { action, newCommand } from '../command';
import { counted, shownPath } from '../display/rendering';
import { ExitCode } from '../exit-codes';
import { openInput } from '../input-file';
import type { Output } from '../output';
import { badInput } from '../submission';

const STDIN = 'Standard input';

export function checkCommand(): Command {
  return newCommand('check', 'Check every line of INPUT and say what would be sent. Sends nothing, needs no key.', ['message-batches check requests.jsonl'])
    .argument('<input>', 'JSONL, plain or .gz; a file, s3://BUCKET/KEY, or "-" for standard input')
    .action(action(check));
}

async function check({ out, home }: CommandContext, inputArgument: string, _options: CommonOptions): Promise<ExitCode> {
  if (inputArgument !== '-') {
    const { path } = await openInput(inputArgument, home.folder);
    const shown = shownPath(path, { cwd: process.cwd() });
    return show(out, await checkInput(path), { path, shown, send: `Send it: message-batches run ${shown}` });
  }
  // A pass over the input may need another, so it lies in a file for as long as that takes.
  await mkdir(home.folder, { recursive: true, mode: 0o700 });
  const folder = await mkdtemp(join(home.folder, '.check-'));
  try {
    const { path } = await openInput(inputArgument, folder);
    return await show(out, await checkInput(path).catch((error: unknown) => namelessly(error, path)), { path: '-', shown: STDIN, send: 'Send it: pipe it into message-batches run -' });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A file that is gone afterwards is not named. */
function namelessly(error: unknown, path: string): never {
  if (!(error instanceof InputError)) throw error;
  throw new CliError(error.code, error.message.replaceAll(path, STDIN), { hint: error.hint.replaceAll(path, STDIN), cause: error });
}

async function show(out: Output, found: InputCheck, { path, shown, send }: { path: string; shown: string; send: string }): Promise<ExitCode> {
  if (found.problemCount > 0) throw badInput(found, shown);
  const rendering = await out.rendering();
  out.print(`${shown} can be sent: ${counted(found.requests, 'request', rendering)} in ${counted(found.parts, 'batch', rendering)}, ${rendering.formats.bytes(found.sentBytes)}.\n${send}`);
  out.document({ input: { path, sha256: found.sha256, requests: found.requests, bytes: found.bytes }, batches: found.parts, sentBytes: found.sentBytes });
  return ExitCode.ok;
}
