import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import type { PriceTable } from '../../contract';
import { checkInput, InputError } from '../../jobs';
import type { InputCheck } from '../../jobs';
import { CliError } from '../cli-error';
import type { CommandContext, CommonOptions } from '../command';
import { action, newCommand } from '../command';
import { estimateDocument, estimateLines, estimateOf, warningLines } from '../display/estimate';
import { counted, shownPath } from '../display/rendering';
import { ExitCode } from '../exit-codes';
import { openInput } from '../input-file';
import type { Output } from '../output';
import { addPartOptions, checkOptionsOf, partOptionsTyped } from '../part-options';
import type { PartOptions } from '../part-options';
import { pricesOf, withPrices } from '../prices';
import { badInput } from '../submission';

interface CheckOptions extends CommonOptions, PartOptions {
  prices?: string;
}

const STDIN = 'Standard input';

export function checkCommand(): Command {
  const command = newCommand('check', 'Check every line of INPUT and say what would be sent. Sends nothing, needs no key.', ['message-batches check requests.jsonl'])
    .argument('<input>', 'JSONL, plain or .gz; a file, s3://BUCKET/KEY, or "-" for standard input');
  return addPartOptions(command)
    .option('--prices <file>', 'table of prices (default: prices.json of the home folder, else the one that comes with the program)')
    .action(action(check));
}

async function check(given: CommandContext, inputArgument: string, options: CheckOptions): Promise<ExitCode> {
  const context = withPrices(given, options.prices);
  const { home } = context;
  // A table that cannot be used is told before a long look at the input.
  const prices = await pricesOf(context);
  if (inputArgument !== '-') {
    const { path } = await openInput(inputArgument, home.folder);
    const shown = shownPath(path, { cwd: process.cwd() });
    return show(context.out, await checkInput(path, checkOptionsOf(options)), prices, { path, location: path, shown, send: `Send it: message-batches run ${shown}${partOptionsTyped(options)}` });
  }
  // A pass over the input may need another, so it lies in a file for as long as that takes.
  await mkdir(home.folder, { recursive: true, mode: 0o700 });
  const folder = await mkdtemp(join(home.folder, '.check-'));
  try {
    const { path } = await openInput(inputArgument, folder);
    return await show(context.out, await checkInput(path, checkOptionsOf(options)).catch((error: unknown) => namelessly(error, path)), prices, { path: '-', location: path, shown: STDIN, send: `Send it: pipe it into message-batches run -${partOptionsTyped(options)}` });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A file that is gone afterwards is not named. */
function namelessly(error: unknown, path: string): never {
  if (!(error instanceof InputError)) throw error;
  throw new CliError(error.code, error.message.replaceAll(path, STDIN), { hint: error.hint.replaceAll(path, STDIN), cause: error });
}

async function show(out: Output, found: InputCheck, prices: PriceTable, { path, location, shown, send }: { path: string; location: string; shown: string; send: string }): Promise<ExitCode> {
  if (found.problemCount > 0) throw await badInput(found, location, shown);
  const rendering = await out.rendering();
  out.print(`${shown} can be sent: ${counted(found.requests, 'request', rendering)} in ${counted(found.parts, 'batch', rendering)}, ${rendering.formats.bytes(found.sentBytes)}.`);
  const estimate = estimateOf(found, prices);
  out.print([...estimateLines(estimate, rendering), ...warningLines(found, rendering), send].join('\n'));
  const input = { path, sha256: found.sha256, requests: found.requests, bytes: found.bytes };
  out.document({ input, batches: found.parts, sentBytes: found.sentBytes, ...estimateDocument(estimate, found) });
  return ExitCode.ok;
}
