/** A background process: ready after so many ms. With `fail` it ends before that; with `deaf` it hears no SIGTERM. */
import { announceReady } from '../../src/local';

async function main(): Promise<void> {
  const [readyAfter = '0', how] = process.argv.slice(2);
  process.stdout.write(`begins with ${process.env['SECRET_FOR_TEST'] ? 'its' : 'no'} key\n`);
  await new Promise((resolve) => setTimeout(resolve, Number(readyAfter)));
  if (how === 'fail') throw new Error('could not be ready');
  if (how === 'deaf') process.on('SIGTERM', () => process.stdout.write('heard\n'));
  await announceReady({ answer: 42 });
  process.stdout.write('goes on\n');
  setInterval(() => undefined, 1_000);
}

main().catch((error: Error) => {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
});
