/** Text that is drawn again in its place on a terminal, also where that gets narrower meanwhile. */
import { clearScreenDown, cursorTo, moveCursor } from 'node:readline';
import { stripVTControlCharacters } from 'node:util';
import type { WriteStream } from 'node:tty';
import stringWidth from 'string-width';

export interface LiveText {
  draw(text: string): void;
  /** Puts lines above it that stay. */
  persist(text: string): void;
  /** Takes it away. */
  clear(): void;
}

/** @param stream a terminal */
export async function liveText(stream: WriteStream): Promise<LiveText> {
  const { createLogUpdate } = await import('log-update');
  const update = createLogUpdate(stream);
  let drawn = '';
  let drawnColumns = columnsOf(stream);
  // Terminals break the lines that they hold anew when they get narrower: what log-update has drawn then takes more
  // lines than it knows of. Nothing but this text stands below them, so all down from its first line can go.
  const afterResize = () => {
    const columns = columnsOf(stream);
    if (columns < drawnColumns && drawn !== '') {
      moveCursor(stream, 0, -linesOf(drawn, columns));
      cursorTo(stream, 0);
      clearScreenDown(stream);
      update.done();
      drawn = '';
    }
    drawnColumns = columns;
  };
  return {
    draw(text) {
      afterResize();
      // log-update leaves the lines below a change where they are, also where the change has fewer lines than before.
      if (text.split('\n').length !== drawn.split('\n').length) update.clear();
      update(text);
      drawn = text;
    },
    persist(text) {
      afterResize();
      update.persist(text);
      drawn = '';
    },
    clear() {
      afterResize();
      update.clear();
      update.done();
      drawn = '';
    },
  };
}

/** The width now: `columns` may be that before a resize whose signal has not arrived. */
export function columnsOf(stream: WriteStream): number {
  return stream.getWindowSize?.()[0] || stream.columns || 80;
}

/** How many lines of a terminal a text takes. */
function linesOf(text: string, columns: number): number {
  return text.split('\n').reduce((sum, line) => sum + Math.max(1, Math.ceil(stringWidth(stripVTControlCharacters(line)) / columns)), 0);
}
