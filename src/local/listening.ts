/** Who listens at a port: an answer at an address proves nothing about which process gave it. */
import { execFile } from 'node:child_process';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { LOOPBACK } from './ports';

/** @returns whether the process listens at that port of 127.0.0.1. */
export function listensAt(pid: number, port: number): Promise<boolean> {
  return process.platform === 'linux' ? listensByProc(pid, port) : listensByLsof(pid, port);
}

/** By proc(5): /proc/PID/net/tcp tells which sockets listen where (state 0A), /proc/PID/fd whose they are. */
export async function listensByProc(pid: number, port: number): Promise<boolean> {
  const address = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const table = await readFile(`/proc/${pid}/net/tcp`, 'utf8').catch(() => '');
  const sockets = table.split('\n').flatMap((line) => {
    const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
    return local === address && state === '0A' ? [`socket:[${inode}]`] : [];
  });
  if (sockets.length === 0) return false;
  return (await openFiles(pid)).some((file) => sockets.includes(file));
}

export async function listensByLsof(pid: number, port: number): Promise<boolean> {
  const args = ['-nP', '-a', '-p', String(pid), `-iTCP@${LOOPBACK}:${port}`, '-sTCP:LISTEN', '-t'];
  // It ends with exit code 1 where nothing matches.
  const { stdout } = await promisify(execFile)('lsof', args).catch(() => ({ stdout: '' }));
  return stdout.trim() === String(pid);
}

/** @returns what the process has open, by the names in /proc/PID/fd; nothing where there is no /proc, or it may not be read. */
export async function openFiles(pid: number): Promise<string[]> {
  const folder = join('/proc', String(pid), 'fd');
  const descriptors = await readdir(folder).catch(() => []);
  return Promise.all(descriptors.map((descriptor) => readlink(join(folder, descriptor)).catch(() => '')));
}
