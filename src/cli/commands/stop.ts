import type { Command } from 'commander';
import type { CommandContext, CommonOptions } from '../command';
import { action, newCommand } from '../command';
import { ExitCode } from '../exit-codes';
import { knownJobs } from '../known-jobs';

export function stopCommand(): Command {
  return newCommand('stop', 'End what runs in the background for this home: workers, the simulator, the embedded Temporal server. Jobs are kept and go on later.', ['message-batches stop']).action(action(stop));
}

async function stop({ out, home }: CommandContext, _options: CommonOptions): Promise<ExitCode> {
  const { embeddedServer, runningBackground, stopBackground, stopEmbeddedServer } = await import('../../local/index.js');
  const open = (await knownJobs(home.folder)).filter((job) => !job.report);
  const ended: string[] = [];
  // Workers before what they work with.
  const names = (await runningBackground(home)).map((each) => each.name).sort((a, b) => Number(b.startsWith('worker-')) - Number(a.startsWith('worker-')));
  for (const name of names) {
    out.say(`Stopping ${name} …`);
    await stopBackground(home, name);
    ended.push(name);
  }
  if (await embeddedServer(home)) {
    out.say('Stopping the Temporal server …');
    await stopEmbeddedServer(home);
    ended.push('temporal-server');
  }
  out.print(ended.length === 0 ? 'Nothing was running in the background.' : `Stopped: ${ended.join(', ')}.`);
  if (open.length > 0) {
    const [first] = open;
    out.print(`${open.length === 1 ? 'One job is' : `${open.length} jobs are`} open and will go on later, e.g.: message-batches wait ${first?.id}`);
    out.print('Batches that the API has accepted are processed there all the same.');
  }
  out.document({ stopped: ended, openJobs: open.map((job) => job.id) });
  return ExitCode.ok;
}
