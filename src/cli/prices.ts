/** Which table of prices a command, and the workers that it starts, go by. */
import type { PriceTable } from '../contract';
import { readPrices } from '../jobs';
import { absoluteLocation } from '../storage';
import type { CommandContext } from './command';

const VARIABLE = 'MESSAGE_BATCHES_PRICES';

/** The file that the environment names: absolute, as a worker in the background is in another folder. */
export function pricesFile(env: NodeJS.ProcessEnv): string | undefined {
  const file = env[VARIABLE]?.trim();
  return file ? absoluteLocation(file) : undefined;
}

/** A command's context where it was given `--prices FILE`: workers that it starts go by the same. */
export function withPrices(context: CommandContext, file: string | undefined): CommandContext {
  return file === undefined ? context : { ...context, env: { ...context.env, [VARIABLE]: absoluteLocation(file) } };
}

/** The environment of a worker in the background, whose current folder is another. */
export function workerEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const file = pricesFile(env);
  return file === undefined ? env : { ...env, [VARIABLE]: file };
}

/** @throws InputError `invalid_prices` */
export function pricesOf({ env, home }: Pick<CommandContext, 'env' | 'home'>): Promise<PriceTable> {
  return readPrices({ file: pricesFile(env), storage: home.folder });
}
