import { SIMULATED_ACCOUNT } from '../../src/contract';
import { parseCount, parseDuration } from '../../src/cli/durations';
import { jobIdOf } from '../../src/cli/job-id';
import { snakeCased } from '../../src/cli/output';
import { accountOf, hasKey, requireKey, requireSameHost } from '../../src/cli/settings';
import { toCliError } from '../../src/cli/cli-error';

const DEFAULT = { label: 'default', baseUrl: 'https://api.anthropic.com' };

describe('the account', () => {
  test.each([
    [{}, {}, DEFAULT],
    [{ ANTHROPIC_BASE_URL: '' }, {}, DEFAULT],
    [{ ANTHROPIC_BASE_URL: ' https://gateway.example/claude/ ' }, { label: 'team' }, { label: 'team', baseUrl: 'https://gateway.example/claude' }],
    [{ ANTHROPIC_BASE_URL: 'HTTPS://API.Anthropic.com:443/' }, {}, DEFAULT],
    [{ ANTHROPIC_BASE_URL: 'http://Gateway.example:80/Claude//' }, {}, { label: 'default', baseUrl: 'http://gateway.example/Claude' }],
    [{ ANTHROPIC_BASE_URL: 'https://gateway.example:8443' }, {}, { label: 'default', baseUrl: 'https://gateway.example:8443' }],
    [{ ANTHROPIC_BASE_URL: 'https://gateway.example' }, { simulate: true }, SIMULATED_ACCOUNT],
  ])('%j and %j', (env, options, account) => {
    expect(accountOf(env, options)).toEqual(account);
  });

  test.each(['with space', 'ünï', '', 'simulated', '../up', 'x'.repeat(41)])('"%s" cannot be a name', (label) => {
    expect(() => accountOf({}, { label })).toThrow('cannot be the name of an account');
  });

  test.each(['not a url', 'ftp://host', 'https://user:secret@host'])('base URL %s is refused, and not repeated', (url) => {
    expect(() => accountOf({ ANTHROPIC_BASE_URL: url }, {})).toThrow(/^ANTHROPIC_BASE_URL is not a plain http or https address.$/);
  });
});

describe('the key', () => {
  test.each([
    [{}, false],
    [{ ANTHROPIC_API_KEY: '' }, false],
    [{ ANTHROPIC_API_KEY: ' ' }, false],
    [{ ANTHROPIC_API_KEY: 'k' }, true],
    [{ ANTHROPIC_AUTH_TOKEN: 't' }, true],
    [{ ANTHROPIC_CUSTOM_HEADERS: 'X-Team: a\nx-api-key: k' }, true],
    [{ ANTHROPIC_CUSTOM_HEADERS: 'X-Team: a' }, false],
  ])('%j: %s', (env, there) => {
    expect(hasKey(env)).toBe(there);
  });

  test('without one, the error names the variable and the way without', () => {
    expect(() => requireKey({}, DEFAULT)).toThrow(expect.objectContaining({ code: 'no_key', exitCode: 1, hint: expect.stringMatching(/ANTHROPIC_API_KEY.*--simulate/) }));
    expect(() => requireKey({}, SIMULATED_ACCOUNT)).not.toThrow();
  });

  test('is never sent to another host than the job was started with', () => {
    expect(() => requireSameHost({}, DEFAULT)).not.toThrow();
    expect(() => requireSameHost({ ANTHROPIC_BASE_URL: 'https://Gateway.example' }, { label: 'team', baseUrl: 'https://gateway.example:443/' })).not.toThrow();
    expect(() => requireSameHost({ ANTHROPIC_BASE_URL: 'https://other.example' }, DEFAULT)).toThrow(expect.objectContaining({ code: 'other_base_url', hint: 'Unset ANTHROPIC_BASE_URL.' }));
    expect(() => requireSameHost({ ANTHROPIC_BASE_URL: 'https://other.example' }, SIMULATED_ACCOUNT)).not.toThrow();
  });
});

describe("a job's id", () => {
  const identity = { inputSha256: 'a'.repeat(64), account: DEFAULT, apiVersion: '2023-06-01', betas: ['b', 'a'], simulated: false };

  test('is the same for the same requests, account, version and betas in any order', () => {
    expect(jobIdOf(identity)).toMatch(/^job_[0-9a-f]{16}$/);
    expect(jobIdOf({ ...identity, betas: ['a', 'b'] })).toBe(jobIdOf(identity));
  });

  test.each([
    ['input', { inputSha256: 'b'.repeat(64) }],
    ['account', { account: { ...DEFAULT, label: 'team' } }],
    ['host', { account: { ...DEFAULT, baseUrl: 'https://gateway.example' } }],
    ['version', { apiVersion: '2026-10-21' }],
    ['betas', { betas: ['a'] }],
  ])('is another for another %s', (_, change) => {
    expect(jobIdOf({ ...identity, ...change })).not.toBe(jobIdOf(identity));
  });

  test('of a simulated job can never be that of a real one', () => {
    expect(jobIdOf({ ...identity, account: SIMULATED_ACCOUNT, simulated: true })).toMatch(/^sim_[0-9a-f]{16}$/);
  });
});

describe('durations and counts', () => {
  test.each([
    ['30s', 30_000],
    ['5m', 300_000],
    ['2h', 7_200_000],
    ['1.5d', 129_600_000],
    ['250ms', 250],
    ['0', 0],
  ])('%s', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  test.each(['30', '', 'soon', '-5s', '5 parsecs'])('"%s" is no duration', (text) => {
    expect(() => parseDuration(text)).toThrow('with its unit');
  });

  test.each(['-1', '1.5', 'many', '', '1e3'])('"%s" is no count', (text) => {
    expect(() => parseCount(text)).toThrow('whole number');
  });
});

test('JSON has the names of our files', () => {
  expect(snakeCased({ jobId: 'x', running: [{ batchId: 'y', apiCounts: { processing: 1 } }], usage: { input_tokens: 1 } })).toEqual({
    job_id: 'x',
    running: [{ batch_id: 'y', api_counts: { processing: 1 } }],
    usage: { input_tokens: 1 },
  });
});

describe('errors for people', () => {
  test.each([
    [Object.assign(new Error('no room'), { code: 'disk_full', hint: 'free some' }), { code: 'disk_full', message: 'no room', hint: 'free some' }],
    [Object.assign(new Error('ENOENT: no such file or directory'), { code: 'ENOENT', path: '/x/y' }), { code: 'file_problem', message: '/x/y does not exist.' }],
    [Object.assign(new Error('14 UNAVAILABLE: No connection established'), { name: 'ServiceError', cause: Object.assign(new Error('14 UNAVAILABLE'), { code: 14 }) }), { code: 'temporal_unreachable' }],
    [new Error('what is this'), { code: 'unexpected', message: 'what is this' }],
    ['a string', { code: 'unexpected', message: 'a string' }],
  ])('%s', (error, shown) => {
    expect(toCliError(error)).toMatchObject({ ...shown, exitCode: 1 });
  });
});
