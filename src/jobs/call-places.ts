/**
 * Places for calls, which all workers of an account take from the same folder.
 *
 *   accounts/KEY/calls/WINDOW/FILE   taken: an empty file, created exclusively, that need not survive a power loss
 *
 * Where a window has many places, a file stands for several, and a worker keeps those that it has not used yet. What a worker that
 * dies has taken is lost, until the next window.
 */
import { createMark, joinLocation, namesIn, removeDurably } from '../storage';
import { placesOf, WINDOWS } from './call-windows';

/** Most files of a window. With fewer places each has a file of its own. */
const MOST_FILES = 64;

export class CallPlaces {
  private held = { window: -1, places: 0 };
  private fullWindow = -1;

  /** @param folder `accounts/KEY/calls` */
  constructor(private readonly folder: string) {}

  /**
   * Takes a place of a window; in turn, not several at once.
   * @returns false where none is left
   * @throws StorageError
   */
  async take(window: number, perMinute: number): Promise<boolean> {
    if (this.held.window === window && this.held.places > 0) {
      this.held.places--;
      return true;
    }
    if (this.fullWindow === window) return false;
    const places = placesOf(window, perMinute);
    if (places === 0) return false;
    const each = Math.ceil(places / MOST_FILES);
    const folder = joinLocation(this.folder, String(window));
    const taken = new Set(await namesIn(folder));
    // Whoever is the first in a window clears up.
    if (taken.size === 0) this.removeOld(window).catch(() => undefined);
    const free = Array.from({ length: Math.ceil(places / each) }, (_, file) => file).filter((file) => !taken.has(String(file)));
    while (free.length > 0) {
      // Any of them, so that workers that come at the same moment seldom want the same one.
      const [file] = free.splice(Math.floor(Math.random() * free.length), 1) as [number];
      if (!(await createMark(joinLocation(folder, String(file))))) continue;
      this.held = { window, places: Math.min(each, places - file * each) - 1 };
      return true;
    }
    this.fullWindow = window;
    return false;
  }

  /** A minute's windows are left: a machine whose clock is behind may still be in one. */
  private async removeOld(window: number): Promise<void> {
    for (const name of await namesIn(this.folder)) {
      if (/^\d+$/.test(name) && Number(name) < window - WINDOWS) await removeDurably(joinLocation(this.folder, name));
    }
  }
}
