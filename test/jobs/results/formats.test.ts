import { apiLines, csv, type CsvOptions, fieldLines, FIELD_NAMES, fieldsOf, joinedLines, ResultRecord, text } from '../../../src/jobs/results';
import { errored, expired } from '../helpers';

const line = (customId: string, result: object) => Buffer.from(JSON.stringify({ custom_id: customId, result }));
const message = (content: object[], more: object = {}) => ({
  type: 'succeeded',
  message: {
    id: 'msg_1',
    model: 'claude-haiku-5-5',
    content,
    stop_reason: 'end_turn',
    stop_sequence: null,
    usage: { input_tokens: 3, output_tokens: 4, cache_creation_input_tokens: 1, cache_read_input_tokens: 2, service_tier: 'batch' },
    ...more,
  },
});
const answer = (text: string, customId = 'q-1') => new ResultRecord(line(customId, message([{ type: 'text', text }])));
const request = { customId: 'q-1', params: Buffer.from('{"model": "m", "n": 1.0}'), metadata: Buffer.from('{"topic":"maths","a.b":{"c":[5]}}') };

async function csvOf(records: ResultRecord[], options: CsvOptions = {}): Promise<string> {
  const format = await csv(options);
  return Buffer.concat([format.head, format.encode(records)]).toString();
}

describe('fields', () => {
  const valuesOf = (record: ResultRecord, ...names: string[]) => fieldsOf(names).map((field) => field.valueOf(record));

  it('are what people ask of a result', () => {
    const blocks = [{ type: 'thinking', thinking: 'Hm. ' }, { type: 'text', text: 'Four' }, { type: 'tool_use', id: 't', name: 'add', input: { x: 2 } }, { type: 'text', text: 'teen' }, { type: 'unheard_of' }];
    const record = new ResultRecord(line('q-1', message(blocks)));
    const names = ['custom_id', 'outcome', 'text', 'thinking', 'tool_use', 'stop_reason', 'stop_sequence', 'model', 'message_id', 'input_tokens', 'output_tokens', 'cache_creation_input_tokens', 'cache_read_input_tokens', 'service_tier', 'error', 'error_type', 'error_message', 'request_id'];
    expect(valuesOf(record, ...names)).toEqual(['q-1', 'succeeded', 'Fourteen', 'Hm. ', [{ id: 't', name: 'add', input: { x: 2 } }], 'end_turn', null, 'claude-haiku-5-5', 'msg_1', 3, 4, 1, 2, 'batch', undefined, undefined, undefined, undefined]);
    expect(FIELD_NAMES).toEqual([...names, 'result', 'params', 'metadata']);
  });

  it('of errors', () => {
    expect(valuesOf(new ResultRecord(Buffer.from(errored('q'))), 'outcome', 'text', 'error', 'error_type', 'error_message', 'request_id', 'thinking')).toEqual(['errored', undefined, 'invalid_request_error: No', 'invalid_request_error', 'No', undefined, undefined]);
    expect(valuesOf(new ResultRecord(line('q', { type: 'errored', error: { error: { type: 'api_error' }, request_id: 'req_1' } })), 'error', 'request_id')).toEqual(['api_error', 'req_1']);
    expect(valuesOf(new ResultRecord(line('q', { type: 'errored' })), 'error')).toEqual(['error']);
  });

  it('are paths into result, params and metadata', () => {
    const record = new ResultRecord(line('q-1', message([{ type: 'text', text: 'Hi' }])), { request });
    expect(valuesOf(record, 'metadata.topic', 'metadata.a.b.c', 'metadata.a.b', 'metadata.none.x', 'params.n', 'params', 'result.message.content.0.text', 'result.message.content.7.text', 'result.type.x')).toEqual(['maths', undefined, { c: [5] }, undefined, 1, { model: 'm', n: 1 }, 'Hi', undefined, undefined]);
    expect(fieldsOf(['text', 'result.type', 'params.model', 'metadata']).map((field) => field.ofRequest)).toEqual([false, false, true, true]);
  });

  it.each([
    ['txt', /Did you mean text\?/],
    ['metdata.topic', /Did you mean metadata\.topic\?/],
    ['Custom_ID', /There are custom_id, outcome/],
    ['result.', /Did you mean result\?/],
    ['', /There are custom_id/],
    ['text.length', /Did you mean text\?/],
    ['constructor', /There are custom_id/],
  ])('that there are not: %j', (name, hint) => {
    expect(() => fieldsOf(['text', name])).toThrow(expect.objectContaining({ code: 'unknown_field', message: `There is no field ${JSON.stringify(name)}.`, hint: expect.stringMatching(hint) }));
  });
});

describe('CSV', () => {
  it('has a header, quotes what RFC 4180 has quoted, and lone line ends too', async () => {
    expect(await csvOf([answer('plain'), answer('a,"b"\nc\r\nd\re'), answer(''), new ResultRecord(Buffer.from(errored('q-2')))])).toBe(
      [
        'custom_id,outcome,text,stop_reason,model,input_tokens,output_tokens,error',
        'q-1,succeeded,plain,end_turn,claude-haiku-5-5,3,4,',
        'q-1,succeeded,"a,""b""\nc\r\nd\re",end_turn,claude-haiku-5-5,3,4,',
        'q-1,succeeded,,end_turn,claude-haiku-5-5,3,4,',
        'q-2,errored,,,,,,invalid_request_error: No',
        '',
      ].join('\r\n'),
    );
  });

  it('quotes a line end of any kind by itself', async () => {
    for (const lineEnd of ['\n', '\r', '\r\n']) expect(await csvOf([answer(`a${lineEnd}b`)], { fields: fieldsOf(['text']) })).toBe(`text\r\n"a${lineEnd}b"\r\n`);
  });

  it('has JSON for objects, and words for booleans', async () => {
    const record = new ResultRecord(line('q', message([], { flag: true })), { request });
    expect(await csvOf([record], { fields: fieldsOf(['metadata', 'result.message.flag', 'result.message.content']) })).toBe('metadata,result.message.flag,result.message.content\r\n"{""topic"":""maths"",""a.b"":{""c"":[5]}}",true,[]\r\n');
  });

  it('keeps formulas from a spreadsheet where that is asked for, and only then', async () => {
    const fields = fieldsOf(['text']);
    const records = ['=1+1', '+1', '-1', '@x', 'a=1'].map((each) => answer(each));
    expect(await csvOf(records, { fields })).toBe('text\r\n=1+1\r\n+1\r\n-1\r\n@x\r\na=1\r\n');
    expect(await csvOf(records, { fields, escapeFormulas: true })).toBe("text\r\n'=1+1\r\n'+1\r\n'-1\r\n'@x\r\na=1\r\n");
  });

  it('tells a terminal nothing to obey', async () => {
    expect(await csvOf([answer('\u001b[31mred\u0007\u009b2J\ttab')], { fields: fieldsOf(['text']), forTerminal: true })).toBe('text\r\n[31mred2J\ttab\r\n');
  });
});

describe('text', () => {
  const cells: [string, ResultRecord, string][] = [
    ['an answer', answer('Hello\nyou'), 'Hello\nyou\n'],
    ['an answer that ends its line', answer('Hello\n'), 'Hello\n'],
    ['an answer without text', new ResultRecord(line('q-1', message([{ type: 'tool_use', id: 't', name: 'n', input: {} }], { stop_reason: 'tool_use' }))), '[no text; stop_reason: tool_use]\n'],
    ['an error', new ResultRecord(Buffer.from(errored('q-1'))), '[errored: invalid_request_error: No]\n'],
    ['an expired one', new ResultRecord(Buffer.from(expired('q-1'))), '[expired]\n'],
    ['one that was never sent', new ResultRecord(undefined, { request, outcome: 'unsent' }), '[unsent]\n'],
    ['one of a kind that comes later', new ResultRecord(line('q-1', { type: 'postponed' })), '[postponed]\n'],
  ];
  it.each(cells)('of %s', (_, record, body) => {
    expect(text({ bare: true }).encode([record]).toString()).toBe(body);
    expect(text({}).encode([record, record]).toString()).toBe(`=== q-1: ${record.outcome} ===\n${body}\n`.repeat(2));
  });

  it('tells a terminal nothing to obey, and leaves a file as it is', () => {
    const record = answer('a\u001b]0;x\u0007b\rc\u0085d\n\te');
    expect(text({ bare: true, forTerminal: true }).encode([record]).toString()).toBe('a]0;xbcd\n\te\n');
    expect(text({ bare: true }).encode([record]).toString()).toBe('a\u001b]0;x\u0007b\rc\u0085d\n\te\n');
  });
});

describe('JSONL', () => {
  it('is the API’s line as it is, or one like it', () => {
    const odd = ` {"result": {"type":"succeeded", "n": 1.0}, "custom_id":"q-1"}\r`;
    const records = [new ResultRecord(Buffer.from(odd)), new ResultRecord(undefined, { request, outcome: 'missing' })];
    expect(apiLines().encode(records).toString()).toBe(`${odd}\n{"custom_id":"q-1","result":{"type":"missing"}}\n`);
  });

  it('joins request and result, byte for byte', () => {
    const odd = ` {"result": {"type":"succeeded", "n": 1.0} , "custom_id":"q-1"}\r`;
    const records = [new ResultRecord(Buffer.from(odd), { request }), new ResultRecord(undefined, { request: { ...request, metadata: undefined }, outcome: 'unsent' })];
    expect(joinedLines().encode(records).toString()).toBe(
      `{"custom_id":"q-1","params":{"model": "m", "n": 1.0},"metadata":{"topic":"maths","a.b":{"c":[5]}},"result":{"type":"succeeded", "n": 1.0}}\n` +
        `{"custom_id":"q-1","params":{"model": "m", "n": 1.0},"metadata":null,"result":{"type":"unsent"}}\n`,
    );
  });

  it('has named fields, null where there is no value', () => {
    expect(fieldLines(fieldsOf(['custom_id', 'metadata.topic', 'error'])).encode([new ResultRecord(line('q-1', message([])), { request })]).toString()).toBe('{"custom_id":"q-1","metadata.topic":"maths","error":null}\n');
  });

  it('names a line that is no result', () => {
    for (const bad of ['{"custom_id":"q-1"}', 'oops', '{"custom_id":"q-1","result":null}']) {
      expect(() => fieldLines(fieldsOf(['custom_id', 'outcome'])).encode([new ResultRecord(Buffer.from(bad))])).toThrow(expect.objectContaining({ code: 'damaged', message: expect.stringContaining('results.jsonl') }));
    }
  });
});
