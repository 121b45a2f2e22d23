import { Command } from 'commander';
import type { Home } from '../local';
import type { ExitCode } from './exit-codes';
import { Output } from './output';

/** What every command is given. */
export interface CommandContext {
  env: NodeJS.ProcessEnv;
  out: Output;
  home: Home;
}

/** Options that every command has. */
export interface CommonOptions {
  json?: boolean;
  quiet?: boolean;
  verbose?: boolean;
}

/** A command with the options that all have, and examples in its help. */
export function newCommand(nameAndArguments: string, description: string, examples: string[]): Command {
  return new Command(nameAndArguments)
    .description(description)
    .option('--json', 'print JSON on stdout, and everything else on stderr')
    .option('-q, --quiet', 'print only the answer and errors')
    .option('--verbose', 'print log messages and the origin of errors on stderr')
    .addHelpText('after', `\nExamples:\n${examples.map((example) => `  $ ${example}`).join('\n')}`);
}

type Handler<Args extends unknown[], Options> = (context: CommandContext, ...rest: [...args: Args, options: Options]) => Promise<ExitCode>;

/** Makes a command's action: prepares what it is given, and keeps its exit code in `process.exitCode`. */
export function action<Args extends unknown[], Options extends CommonOptions>(handler: Handler<Args, Options>) {
  return async (...values: unknown[]): Promise<void> => {
    // commander gives the arguments, then the options, then the command.
    const options = values.at(-2) as Options;
    const args = values.slice(0, -2) as Args;
    const { openHome } = await import('../local/index.js');
    const { env } = process;
    const out = new Output({ json: options.json ?? false, quiet: options.quiet ?? false, verbose: options.verbose ?? false, env });
    process.exitCode = await handler({ env, out, home: await openHome(env) }, ...args, options);
  };
}
