/** What a terminal can show, by its environment. */
import type { WriteStream } from 'node:tty';

/** `isTTY` is not there at all on files and pipes, other than its type says. */
type Stream = Partial<Pick<WriteStream, 'isTTY'>>;

/** Whether colours are wanted: never with NO_COLOR, with FORCE_COLOR also where no terminal is. */
export function wantsColor(env: NodeJS.ProcessEnv, stream: Stream): boolean {
  if (env.NO_COLOR) return false;
  const forced = env.FORCE_COLOR;
  if (forced !== undefined) return forced !== '0' && forced !== 'false';
  return stream.isTTY === true && env.TERM !== 'dumb';
}

/** Whether what is written to the stream should be ASCII: a terminal that cannot, or by its locale does not, show more. Files and pipes get UTF-8. */
export function wantsAscii(env: NodeJS.ProcessEnv, stream: Stream, platform: NodeJS.Platform = process.platform): boolean {
  if (!stream.isTTY) return false;
  if (env.TERM === 'dumb' || env.TERM === 'linux') return true;
  if (platform === 'win32') return false;
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG || '';
  return !/utf-?8/i.test(locale);
}

/** Whether lines can be drawn again in their place. */
export function canRedraw(env: NodeJS.ProcessEnv, stream: Stream): boolean {
  return stream.isTTY === true && env.TERM !== 'dumb';
}

/** Each sign of ours that is not ASCII, and one of the same width that is. Texts of others are left as they are. */
const ASCII: Record<string, string> = { '█': '#', '░': '-', '·': '|', '…': '~', '→': '>', '×': 'x' };

export function toAscii(text: string): string {
  return text.replace(/[█░·…→×]/g, (sign) => ASCII[sign] ?? sign);
}
