import { checkFollowUpOptions } from '../../src/contract';

let nested: unknown[] = [];
for (let depth = 0; depth < 100_000; depth++) nested = [nested];
const circular: unknown[] = [];
circular.push(circular);

it.each([
  [{ workflow: 'w' }],
  [{ workflow: 'w', taskQueue: 'q', on: ['succeeded', 'expired'], window: 500, per: 1_000, args: [1, 'é', null, { a: [true] }] }],
  [{ workflow: 'w', per: 'result', window: 1, where: {} }],
  [{ workflow: 'w', where: { stopReason: ['end_turn', 'max_tokens'], pointer: '/result/message/a~1b~0', equals: { a: [0] } } }],
  [{ workflow: 'w', where: { pointer: '/custom_id', equals: null } }],
  // As other languages write what is not given.
  [{ workflow: 'w', taskQueue: null, on: null, where: null, window: null, per: null, args: null }],
  [{ workflow: 'w', where: { stopReason: 'end_turn', pointer: null, equals: null } }],
  [{ workflow: 'w', args: ['x'.repeat(64 * 1024 - 4)] }],
])('good: %j', (options) => {
  expect(checkFollowUpOptions(options)).toBeUndefined();
});

it.each<[unknown, RegExp]>([
  ['w', /is an object/],
  [{}, /option workflow of a follow-up must be the type name of a workflow, .*, and is missing/],
  [{ workflow: '' }, /option workflow .*, not ""/],
  [{ workflow: ' w' }, /option workflow .*without control characters and blanks around it/],
  [{ workflow: 'é'.repeat(251) }, /option workflow .*at most 500 bytes/],
  [{ workflow: 'batchJobWorkflow' }, /option workflow .* takes a result: this one of ours does not/],
  [{ workflow: 'w', taskQueue: '/_sys/w' }, /option taskQueue/],
  [{ workflow: 'w', taskQueue: 'a\nb' }, /option taskQueue/],
  [{ workflow: 'w', taskQueue: '\ud800' }, /option taskQueue/],
  [{ workflow: 'w', windw: 5 }, /no option "windw"\. It has: workflow, taskQueue, on, /],
  [{ workflow: 'w', constructor: 5 }, /no option "constructor"/],
  [{ workflow: 'w', window: 501 }, /option window of a follow-up must be a whole number from 1 to 500, not 501/],
  [{ workflow: 'w', window: 0 }, /option window/],
  [{ workflow: 'w', window: '5' }, /option window/],
  [{ workflow: 'w', per: 1_001 }, /option per .* "result" or a whole number from 1 to 1000, not 1001/],
  [{ workflow: 'w', per: 'slice' }, /option per/],
  [{ workflow: 'w', on: [] }, /option on .* outcomes out of succeeded, errored, canceled, expired, not \[\]/],
  [{ workflow: 'w', on: ['missing'] }, /option on/],
  [{ workflow: 'w', on: 'succeeded' }, /option on/],
  [{ workflow: 'w', where: 'x' }, /option where/],
  [{ workflow: 'w', where: { stop_reason: 'x' } }, /filter has no option "stop_reason"\. It has: stopReason, pointer, equals/],
  [{ workflow: 'w', where: { stopReason: [] } }, /option stopReason of a follow-up's filter/],
  [{ workflow: 'w', where: { pointer: 'metadata/a' } }, /option pointer .*RFC 6901.* \/custom_id or \/result or \/metadata/],
  [{ workflow: 'w', where: { pointer: '/stop_reason' } }, /option pointer/],
  [{ workflow: 'w', where: { pointer: '/metadata/a~2' } }, /option pointer/],
  [{ workflow: 'w', where: { pointer: '' } }, /option pointer/],
  [{ workflow: 'w', where: { equals: 1 } }, /there is no pointer/],
  [{ workflow: 'w', where: { pointer: '/metadata', equals: NaN } }, /option equals/],
  [{ workflow: 'w', on: ['errored'], where: { stopReason: 'refusal' } }, /Only results that succeeded have a stop_reason/],
  [{ workflow: 'w', args: { a: 1 } }, /option args of a follow-up must be a list of JSON values/],
  [{ workflow: 'w', args: [undefined] }, /option args .* JSON of at most 65536 bytes/],
  [{ workflow: 'w', args: [() => 1] }, /option args/],
  [{ workflow: 'w', args: [new Date(0)] }, /option args/],
  [{ workflow: 'w', args: [new Map()] }, /option args/],
  [{ workflow: 'w', args: [1n] }, /option args/],
  [{ workflow: 'w', args: circular }, /option args/],
  [{ workflow: 'w', args: nested }, /option args/],
  [{ workflow: 'w', args: ['é'.repeat(32 * 1024)] }, /option args/],
])('refused: case %#', (options, message) => {
  expect(checkFollowUpOptions(options)).toMatch(message);
});
