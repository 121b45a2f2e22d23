import { followUpWorkflowId } from '../../src/contract';

test('plain ids stand in workflow ids as they are', () => {
  expect(followUpWorkflowId('job_1', 2, 'question-17_a')).toBe('message-batches/follow-up/job_1/2/question-17_a');
});

test('no two follow-ups have one workflow id, whatever their ids are', () => {
  const ids = [
    followUpWorkflowId('a', 1, '1/x'),
    followUpWorkflowId('a/1', 1, 'x'),
    ...['a b', 'a%20b', 'a', '\ud800', '\ud801', '\ufffd', 'é', ''].map((id) => followUpWorkflowId('j', 1, id)),
    ...['x', 'y'].map((end) => followUpWorkflowId('j', 1, 'long'.repeat(1_000) + end)),
  ];
  expect(new Set(ids).size).toBe(ids.length);
  for (const id of ids) expect(Buffer.byteLength(id)).toBeLessThan(500);
});
