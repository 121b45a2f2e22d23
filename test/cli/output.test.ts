import pc from 'picocolors';
import { CliError } from '../../src/cli/cli-error';
import { fittedTable } from '../../src/cli/display/fitted-table';
import { Output } from '../../src/cli/output';

/** Clears the screen, sets the title of the window, turns the text round. */
const HOSTILE = 'a\u001b[2J\u001b]0;mine\u0007\u009b2J\u202eb\u2066c\td';
// oxlint-disable-next-line no-control-regex -- they are what is looked for
const OBEYED = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;

let written: string;
beforeEach(() => {
  written = '';
  for (const stream of [process.stdout, process.stderr]) {
    jest.spyOn(stream, 'write').mockImplementation((text) => {
      written += String(text);
      return true;
    });
  }
});
afterEach(() => jest.restoreAllMocks());

const output = (json = false) => new Output({ json, verbose: false, env: {} });
const ways: [string, (out: Output) => void, boolean?][] = [
  ['a line for who waits', (out) => out.say(HOSTILE)],
  ['the answer', (out) => out.print(HOSTILE)],
  ['an error and its hint', (out) => out.error(new CliError('x', HOSTILE, { hint: HOSTILE }))],
  ['what is drawn on stderr', (out) => process.stderr.write(out.forStderr(HOSTILE))],
  ['what is drawn on stdout', (out) => process.stdout.write(out.forStdout(HOSTILE))],
  ['a cell of a table', () => process.stdout.write(fittedTable([{ title: 'X', text: () => HOSTILE }], [1], { width: Infinity, colors: pc.createColors(false) }))],
  ['a document', (out) => out.document({ text: HOSTILE }), true],
];

it.each(ways)('%s has nothing in it that a terminal obeys', (_, show, json = false) => {
  show(output(json));
  expect(written).toContain('b');
  expect(written.replace(/\n$/, '')).not.toMatch(OBEYED);
  if (json) expect(JSON.parse(written)).toEqual({ text: HOSTILE });
});

it('keeps colours and line breaks of its own', () => {
  output().say('\u001b[31mred\u001b[39m\nnext');
  expect(written).toBe('\u001b[31mred\u001b[39m\nnext\n');
});

it('renames its own keys, and leaves those that the user has given to follow-ups', () => {
  output(true).document({ followUp: { taskQueue: 'q', where: { stopReason: 'end_turn', equals: { someKey: 1 } }, args: [{ schema: { additionalProperties: false } }] } });
  expect(JSON.parse(written)).toEqual({ follow_up: { task_queue: 'q', where: { stop_reason: 'end_turn', equals: { someKey: 1 } }, args: [{ schema: { additionalProperties: false } }] } });
});
