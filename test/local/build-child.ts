/** A command that needs the server program. Prints where it found it. */
import { findTemporalCli, openHome } from '../../src/local';

async function main(): Promise<void> {
  const home = await openHome(process.env);
  const found = await findTemporalCli(home, process.env, (line) => process.stderr.write(`${line}\n`), { build: true });
  process.stdout.write(JSON.stringify(found));
}

void main();
