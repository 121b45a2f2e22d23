import { join } from 'node:path';
import { partFolder, selectResults } from '../../src/jobs';
import { openSegments } from '../../src/storage';
import { useFolder } from '../storage/helpers';
import { closePart, errored, linesOfFile, plannedJob, requestLine, succeeded } from './helpers';

const folder = useFolder();

it('names the results by the input’s own ids, whatever they were sent under', async () => {
  const lines = [requestLine('é 1', 'Hi', { k: 1 }), requestLine('b'), '{"params":{}}', '{"custom_id":4.0,"params":{}}'];
  const { work, plan } = await plannedJob(folder.path, lines, { ids: 'generate' });
  await closePart(work, plan, 1, [succeeded('generated-4'), succeeded('generated-1'), errored('b'), succeeded('generated-3')]);
  const place = partFolder(work, 1, 1);
  const listPath = join(folder.path, 'list.jsonl');
  const segments = await openSegments(place.segments);
  await selectResults({ partFolder: place, requests: 4, segments, outcomes: ['succeeded'], withoutRetryable: false, listPath, perSlice: 10, lineOf: ({ customId, metadata }) => [customId, metadata] });
  expect(linesOfFile(listPath).map((line) => JSON.parse(line) as unknown)).toEqual([['é 1', { k: 1 }], ['generated-3', {}], ['4.0', {}]]);
});
