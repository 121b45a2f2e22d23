import { createContext, Script, type Context } from 'node:vm';

const script = new Script('run()');
let context: Context | undefined;

/**
 * Runs something that may take for ever, as a regular expression of somebody else's can, and ends it.
 * It is no sandbox: what runs is our own. The event loop stands still meanwhile.
 * @throws Error with the code `ERR_SCRIPT_EXECUTION_TIMEOUT`
 */
export function withinTime<T>(limitMs: number, run: () => T): T {
  context ??= createContext({});
  context['run'] = run;
  try {
    return script.runInContext(context, { timeout: limitMs }) as T;
  } finally {
    context['run'] = undefined;
  }
}

export function isOverTime(error: unknown): boolean {
  return (error as NodeJS.ErrnoException | undefined)?.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';
}
