import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { checkInput, createBody, customIdsOf, InputError, partFolder, planRetryRound, planRoundOne, readCustomIds, readRoundPlan, roundFolder, workFolder } from '../../src/jobs';
import { collect, bytesOf, killAfterLines, runChild, useFolder } from '../storage/helpers';
import { closePart, errored, expired, linesOfFile, plannedJob, requestLine, requestLines, succeeded, writeLines } from './helpers';

const folder = useFolder();
const ordinalsOf = (work: string, round: number, part: number) => {
  const bytes = readFileSync(partFolder(work, round, part).ordinals);
  return Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readUInt32LE(4 * i));
};

describe('round one', () => {
  it('copies the input lines as they are into parts, with their ordinals and the hash of each body', async () => {
    const lines = [requestLine('a'), '', `  ${requestLine('b', 'Hé', { k: 1 })} \r`, requestLine('c'), requestLine('d'), requestLine('e')];
    const { input, work, plan } = await plannedJob(folder.path, lines, { maxRequests: 2 });
    const { sha256, bytes, requests } = await checkInput(input);
    expect(plan).toMatchObject({ round: 1, requests: 5, sha256, bytes });
    expect(requests).toBe(5);
    expect(plan.parts.map((part) => part.requests)).toEqual([2, 2, 1]);
    expect(linesOfFile(partFolder(work, 1, 1).requests)).toEqual([lines[0], lines[2]]);
    expect(linesOfFile(partFolder(work, 1, 3).requests)).toEqual([lines[5]]);
    expect([1, 2, 3].map((part) => ordinalsOf(work, 1, part))).toEqual([[0, 1], [2, 3], [4]]);
    const body = `{"requests":[${requestLine('a')},${requestLine('b', 'Hé')}]}`;
    const sentBytes = Buffer.byteLength(`${requestLine('a')}${requestLine('b', 'Hé')}`);
    expect(plan.parts[0]).toEqual({
      part: 1,
      requests: 2,
      bodyBytes: Buffer.byteLength(body),
      bodySha256: createHash('sha256').update(body).digest('hex'),
      expected: [{ model: 'claude-opus-4-5', requests: 2, bytes: sentBytes, maxTokens: 200, longest: Buffer.byteLength(requestLine('b', 'Hé')), cached: false }],
    });
    expect(readdirSync(work)).toEqual(['round-01']);
  });

  it('cuts exactly at the limit of bytes', async () => {
    const lines = requestLines(9);
    const three = `{"requests":[${lines.slice(0, 3).join(',')}]}`.length;
    const { plan } = await plannedJob(folder.path, lines, { maxBodyBytes: three });
    expect(plan.parts.map((part) => part.bodyBytes)).toEqual([three, three, three]);
    rmSync(join(folder.path, 'output'), { recursive: true });
    const tighter = await plannedJob(folder.path, lines, { maxBodyBytes: three - 1 });
    expect(tighter.plan.parts.map((part) => part.requests)).toEqual([2, 2, 2, 2, 1]);
  });

  it('plans the same from gzip', async () => {
    const lines = requestLines(100);
    const { plan, output, input } = await plannedJob(folder.path, lines);
    rmSync(output, { recursive: true });
    writeFileSync(input, gzipSync(lines.map((line) => `${line}\n`).join('')));
    expect(await planRoundOne({ input, workFolder: workFolder(output) })).toEqual(plan);
  });

  it('keeps the plan that is there, if the input is the same', async () => {
    const { input, work, plan } = await plannedJob(folder.path, requestLines(5), { maxRequests: 2 });
    expect(await planRoundOne({ input, workFolder: work, maxRequests: 4 })).toEqual(plan);
    expect(await readRoundPlan(work, 1)).toEqual(plan);
    expect(await readRoundPlan(work, 2)).toBeUndefined();
    writeLines(folder.path, requestLines(6));
    await expect(planRoundOne({ input, workFolder: work })).rejects.toMatchObject({ name: 'InputError', code: 'input_changed' });
  });

  it('gives one plan to two who plan at once', async () => {
    const input = writeLines(folder.path, requestLines(3000));
    const work = workFolder(join(folder.path, 'output'));
    const both = await Promise.allSettled([planRoundOne({ input, workFolder: work }), planRoundOne({ input, workFolder: work })]);
    const plans = both.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    expect(plans.length).toBeGreaterThan(0);
    for (const plan of plans) expect(plan).toEqual(await readRoundPlan(work, 1));
    expect((await readCustomIds(partFolder(work, 1, 1), 3000)).size).toBe(3000);
  });

  it('refuses bad lines with all that check would say, and leaves nothing behind', async () => {
    const lines = [requestLine('a'), 'oops', requestLine('a'), requestLine('b')];
    const input = writeLines(folder.path, lines);
    const work = workFolder(join(folder.path, 'output'));
    const error = await planRoundOne({ input, workFolder: work, maxRequests: 1 }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(InputError);
    const { problems, problemCount } = await checkInput(input);
    expect(error).toMatchObject({ code: 'input_invalid', problems, problemCount, message: `2 lines of ${input} cannot be sent. Line 2: Not JSON: unexpected "o".` });
    expect(readdirSync(work)).toEqual([]);
    await expect(planRoundOne({ input: join(folder.path, 'none'), workFolder: work })).rejects.toMatchObject({ code: 'input_not_found' });
  });

  it('stops with the reason of the signal as it is', async () => {
    const controller = new AbortController();
    const reason = { canceled: true };
    const planning = plannedJob(folder.path, requestLines(20_000), { signal: controller.signal, onProgress: () => controller.abort(reason) });
    await expect(planning).rejects.toBe(reason);
    expect(readdirSync(workFolder(join(folder.path, 'output')))).toEqual([]);
  });

  it('is whole or absent after kill -9 at any moment, and the next attempt plans it', async () => {
    const input = writeLines(folder.path, requestLines(40_000));
    const work = workFolder(join(folder.path, 'output'));
    const child = join(__dirname, 'children/plan.ts');
    for (const lines of [1, 2, 4, 6]) {
      await killAfterLines(runChild(child, [input, work]), lines);
      // Whole or absent: a plan is there exactly if its folder is.
      expect(existsSync(roundFolder(work, 1))).toBe((await readRoundPlan(work, 1)) !== undefined);
    }
    const plan = await planRoundOne({ input, workFolder: work, maxRequests: 7000 });
    expect(plan).toMatchObject({ requests: 40_000 });
    expect(readdirSync(work)).toEqual(['round-01']);
    for (const part of plan.parts) {
      const body = await bytesOf(createBody(partFolder(work, 1, part.part), part).chunks());
      expect(createHash('sha256').update(body).digest('hex')).toBe(part.bodySha256);
    }
  });

  it('fails where it was frozen while another attempt planned, and changes nothing of that', async () => {
    const input = writeLines(folder.path, requestLines(40_000));
    const work = workFolder(join(folder.path, 'output'));
    const frozen = runChild(join(__dirname, 'children/plan.ts'), [input, work, '15000']);
    const ended = once(frozen, 'close');
    await new Promise<void>((resolve) => frozen.stdout!.on('data', (said: Buffer) => said.includes('frozen') && resolve()));
    const plan = await planRoundOne({ input, workFolder: work, maxRequests: 5000 });
    frozen.kill('SIGCONT');
    expect(await ended).toEqual([1, null]);
    expect(await readRoundPlan(work, 1)).toEqual(plan);
    expect(readdirSync(work)).toEqual(['round-01']);
    const ids = await Promise.all(plan.parts.map(async ({ part }) => (await collect(customIdsOf(partFolder(work, 1, part)))).flat()));
    expect(ids.flat()).toEqual(requestLines(40_000).map((_, i) => `q-${i}`));
  });
});

describe('a further round', () => {
  it('takes what may be sent again from all parts, with its ordinals', async () => {
    const lines = requestLines(9);
    const { work, plan } = await plannedJob(folder.path, lines, { maxRequests: 3 });
    await closePart(work, plan, 1, [succeeded('q-0'), expired('q-1'), errored('q-2')]);
    await closePart(work, plan, 2, [errored('q-5', 'overloaded_error'), succeeded('q-3')]);
    await closePart(work, plan, 3, [errored('q-6', 'api_error'), errored('q-7', 'rate_limit_error'), errored('q-8', 'timeout_error')]);
    const second = await planRetryRound({ workFolder: work, round: 2, maxRequests: 3 });
    expect(second).toMatchObject({ round: 2, requests: 5, parts: [{ part: 1, requests: 3 }, { part: 2, requests: 2 }] });
    expect(linesOfFile(partFolder(work, 2, 1).requests)).toEqual([lines[1], lines[5], lines[6]]);
    expect([1, 2].map((part) => ordinalsOf(work, 2, part))).toEqual([[1, 5, 6], [7, 8]]);
    expect(await planRetryRound({ workFolder: work, round: 2, maxRequests: 100 })).toEqual(second);

    await closePart(work, second, 1, [expired('q-1'), succeeded('q-5'), succeeded('q-6')]);
    await closePart(work, second, 2, [succeeded('q-7'), errored('q-8', 'api_error')]);
    const third = await planRetryRound({ workFolder: work, round: 3 });
    expect(third.requests).toBe(2);
    expect(ordinalsOf(work, 3, 1)).toEqual([1, 8]);
  });

  it('has no parts where nothing may be sent again', async () => {
    const { work, plan } = await plannedJob(folder.path, requestLines(2));
    await closePart(work, plan, 1, [succeeded('q-0'), errored('q-1')]);
    expect(await planRetryRound({ workFolder: work, round: 2 })).toEqual({ round: 2, requests: 0, parts: [] });
  });
});
