import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { lstatSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { mustBeWritable, writeResults } from '../../src/cli/results-output';
import { openResultsFile } from '../../src/cli/commands/api/results-file';
import { useFolder } from '../storage/helpers';

const folder = useFolder();
const at = (name: string) => join(folder.path, name);

async function* lines(): AsyncGenerator<Buffer> {
  yield Buffer.from('one\n');
  yield Buffer.from('two\n');
}

test('a file is replaced as a whole, and for its user alone', async () => {
  writeFileSync(at('out'), 'before');
  await writeResults(lines(), at('out'), false);
  expect(readFileSync(at('out'), 'utf8')).toBe('one\ntwo\n');
  expect(statSync(at('out')).mode & 0o777).toBe(0o600);
});

test('a file stays as it was where its content does not come', async () => {
  writeFileSync(at('out'), 'before');
  async function* cut(): AsyncGenerator<Buffer> {
    yield Buffer.from('one\n');
    throw new Error('cut');
  }
  await expect(writeResults(cut(), at('out'), false)).rejects.toThrow('cut');
  expect(readFileSync(at('out'), 'utf8')).toBe('before');
});

test('a link stays one, and what it names is replaced', async () => {
  writeFileSync(at('named'), 'before');
  symlinkSync(at('named'), at('link'));
  await writeResults(lines(), at('link'), true);
  expect(lstatSync(at('link')).isSymbolicLink()).toBe(true);
  expect(gunzipSync(readFileSync(at('named'))).toString()).toBe('one\ntwo\n');
});

test('a pipe is written to and stays one', async () => {
  execFileSync('mkfifo', [at('pipe')]);
  const reader = spawn('cat', [at('pipe')], { stdio: ['ignore', 'pipe', 'inherit'] });
  let read = '';
  reader.stdout.setEncoding('utf8').on('data', (text: string) => (read += text));
  const ended = once(reader, 'close');
  await writeResults(lines(), at('pipe'), false);
  await ended;
  expect(read).toBe('one\ntwo\n');
  expect(lstatSync(at('pipe')).isFIFO()).toBe(true);
});

test('a download of the API does not take the place of a pipe, nor results that of a folder', async () => {
  execFileSync('mkfifo', [at('pipe')]);
  await expect(openResultsFile(at('pipe'), { force: true })).rejects.toThrow('is a device or a pipe');
  await expect(mustBeWritable(folder.path, { outputs: at('outputs'), inputs: [], force: true })).rejects.toThrow('is a folder');
});

test('neither the input, nor a file of this job or another one, is written over', async () => {
  mkdirSync(at('other'));
  writeFileSync(at('other/report.json'), '{}');
  await expect(mustBeWritable(at('input.jsonl'), { outputs: at('outputs'), inputs: [at('input.jsonl')], force: true })).rejects.toThrow('is the input');
  await expect(mustBeWritable(at('outputs/results.jsonl'), { outputs: at('outputs'), inputs: [], force: true })).rejects.toThrow('belongs to the job itself');
  await expect(mustBeWritable(at('other/results.jsonl'), { outputs: at('outputs'), inputs: [], force: true })).rejects.toThrow('belongs to another job');
  await mustBeWritable(at('other/mine.jsonl'), { outputs: at('outputs'), inputs: [], force: true });
});

test('a file that is there is replaced only when asked to; a pipe always takes what comes', async () => {
  writeFileSync(at('notes.csv'), 'mine');
  const options = { outputs: at('outputs'), inputs: [], force: false };
  await expect(mustBeWritable(at('notes.csv'), options)).rejects.toMatchObject({ code: 'file_exists', message: expect.stringMatching(/notes\.csv exists already\.$/), hint: expect.stringContaining('--force') });
  await mustBeWritable(at('notes.csv'), { ...options, force: true });
  execFileSync('mkfifo', [at('pipe')]);
  await mustBeWritable(at('pipe'), options);
});
