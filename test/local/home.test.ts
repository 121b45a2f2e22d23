import { chmod, mkdir, mkdtemp, realpath, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freeBytes, LocalError, openHome } from '../../src/local';

let folder: string;
beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'message-batches-home-')));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const openAt = (path: string) => openHome({ MESSAGE_BATCHES_HOME: path });
const modeOf = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);

describe('openHome', () => {
  test('makes the folder and what is in it for the user alone', async () => {
    const home = await openAt(join(folder, 'a', 'home'));
    expect(home.folder).toBe(join(folder, 'a', 'home'));
    for (const path of [home.folder, home.jobs, home.logs, home.bin, home.run]) expect(await modeOf(path)).toBe('700');
    expect(await openAt(join(folder, 'a', 'home'))).toEqual(home);
  });

  test('is ~/.message-batches where nothing else is set, also by an empty variable', async () => {
    expect((await openHome({ HOME: folder, MESSAGE_BATCHES_HOME: '' })).folder).toBe(join(folder, '.message-batches'));
  });

  test('has one name, by whatever link it was reached', async () => {
    await symlink(folder, `${folder}-link`);
    try {
      expect((await openAt(`${folder}-link/home`)).folder).toBe(join(folder, 'home'));
    } finally {
      await rm(`${folder}-link`);
    }
  });

  test('closes an empty folder to others', async () => {
    const path = join(folder, 'open');
    await mkdir(path);
    await chmod(path, 0o755);
    await openAt(path);
    expect(await modeOf(path)).toBe('700');
  });

  test('refuses a folder with content that others may look into, and leaves it as it is', async () => {
    const path = join(folder, 'shared');
    await mkdir(path);
    await writeFile(join(path, 'theirs'), '');
    await chmod(path, 0o755);
    await expect(openAt(path)).rejects.toMatchObject({ code: 'home_unusable', message: expect.stringContaining('mode 755'), hint: expect.stringContaining(`chmod 700 ${path}`) });
    expect(await modeOf(path)).toBe('755');
  });

  test('says what to do where it cannot be made', async () => {
    await writeFile(join(folder, 'file'), '');
    const error = await openAt(join(folder, 'file', 'home')).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(LocalError);
    expect(error).toMatchObject({ code: 'home_unusable', message: expect.stringMatching(/file\/home cannot be made or written \(ENOTDIR\)/), hint: expect.stringContaining('MESSAGE_BATCHES_HOME') });
  });

  test.each(['50%', 'why?', 'c#'])('refuses a name that SQLite would read otherwise: %s', async (name) => {
    await expect(openAt(join(folder, name))).rejects.toMatchObject({ code: 'home_unusable', message: expect.stringContaining('% ? #') });
  });
});

describe('freeBytes', () => {
  test('is that of the nearest folder that exists', async () => {
    const here = await freeBytes(folder);
    expect(here).toBeGreaterThan(0);
    // Others write to the same disk meanwhile.
    expect(Math.abs((await freeBytes(join(folder, 'not', 'yet'))) - here)).toBeLessThan(here / 2);
  });
});
