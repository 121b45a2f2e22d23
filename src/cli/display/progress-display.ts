import type { ObservedJobStatus } from '../../client';
import type { Output } from '../output';
import { columnsOf, liveText } from './live-text';
import { renderPanel } from './panel';
import { ProgressLog } from './progress-lines';
import { StoringRate } from './rate';

/** Shows how a job goes on, on stderr. */
export interface ProgressDisplay {
  update(status: ObservedJobStatus): void;
  /** A line that stays. */
  note(line: string): void;
  close(): void;
}

/** A live panel on a terminal, else a line a change of phase; nothing where only the answer is wanted. */
export async function progressDisplay(out: Output, footer: string): Promise<ProgressDisplay> {
  if (out.quiet) return { update() {}, note() {}, close() {} };
  return out.redraws ? livePanel(out, footer) : lineLog(out);
}

async function livePanel(out: Output, footer: string): Promise<ProgressDisplay> {
  const { stderr } = process;
  const panel = await liveText(stderr);
  const rendering = await out.progressRendering();
  const rate = new StoringRate();
  let shown: ObservedJobStatus | undefined;
  const draw = () => {
    if (!shown) return;
    panel.draw(out.forStderr(renderPanel(shown, { ...rendering, now: new Date(), width: columnsOf(stderr) }, { footer, perSecond: rate.perSecond, height: stderr.rows })));
  };
  // Times go on between two statuses.
  const timer = setInterval(draw, 1000);
  stderr.on('resize', draw);
  return {
    update(status) {
      shown = status;
      rate.add(status, new Date());
      draw();
    },
    note(line) {
      panel.persist(out.forStderr(line));
      draw();
    },
    close() {
      clearInterval(timer);
      stderr.off('resize', draw);
      panel.clear();
    },
  };
}

async function lineLog(out: Output): Promise<ProgressDisplay> {
  const rendering = await out.progressRendering();
  const log = new ProgressLog();
  return {
    update(status) {
      for (const line of log.lines(status, { ...rendering, now: new Date() })) out.say(line);
    },
    note: out.say,
    close() {},
  };
}
