import type { Attention } from '../../src/contract';
import { AttentionDesk } from '../../src/workflows/attention';

const told = async (message: string): Promise<Attention | undefined> => {
  const desk = new AttentionDesk(() => Promise.resolve());
  await desk.tell('follow_up_unserved', message);
  return desk.current;
};

test('a workflow whose own code fails is mended; a worker is started where there is none', async () => {
  expect((await told('workflow tasks of buggy fail on mine: x is undefined'))?.hint).toMatch(/^Mend the code of this workflow and restart its worker/);
  expect((await told('no worker polls mine for gradeAnswer'))?.hint).toMatch(/^Start a worker that serves this workflow/);
});
