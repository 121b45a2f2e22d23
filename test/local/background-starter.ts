/** A command that starts the background process `sleeper` with the arguments given. */
import { openHome, startBackground } from '../../src/local';
import { nodeArguments } from './support';

async function main(): Promise<void> {
  const home = await openHome(process.env);
  const { pid } = await startBackground(home, 'sleeper', process.argv.slice(2), process.env, { entry: nodeArguments('background-child.ts') });
  process.stdout.write(`${pid}\n`);
}

void main();
