/** Finds (or, on a machine that has none yet, builds) the Temporal dev server once for all tests. */
export default async function globalSetup(): Promise<void> {
  if (process.env['TEMPORAL_CLI_PATH']) return;
  // As built: Jest compiles this file, but not what it imports by a path of its own.
  const { findTemporalCli, openHome } = require('../../dist/local') as typeof import('../../src/local/index.js');
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  const home = await openHome(process.env);
  const found = await findTemporalCli(home, process.env, say, { build: true });
  process.env['TEMPORAL_CLI_PATH'] = found.path;
}
