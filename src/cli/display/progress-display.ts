import type { ObservedJobStatus } from '../../client';
import type { Output } from '../output';
import { renderPanel } from './panel';
import { progressLines } from './progress-lines';

/** Shows how a job goes on, on stderr. */
export interface ProgressDisplay {
  update(status: ObservedJobStatus): void;
  /** A line that stays. */
  note(line: string): void;
  close(): void;
}

/** A live panel on a terminal, else a line a change of phase. */
export async function progressDisplay(out: Output, footer: string): Promise<ProgressDisplay> {
  return out.interactive ? livePanel(out, footer) : lineLog(out);
}

async function livePanel(out: Output, footer: string): Promise<ProgressDisplay> {
  const { createLogUpdate } = await import('log-update');
  const panel = createLogUpdate(process.stderr);
  const rendering = await out.progressRendering();
  let shown: ObservedJobStatus | undefined;
  const draw = () => {
    if (shown) panel(renderPanel(shown, { ...rendering, now: new Date(), width: process.stderr.columns ?? 80 }, { footer }));
  };
  // Times go on between two statuses.
  const timer = setInterval(draw, 1000);
  return {
    update(status) {
      shown = status;
      draw();
    },
    note(line) {
      panel.persist(line);
      draw();
    },
    close() {
      clearInterval(timer);
      panel.clear();
      panel.done();
    },
  };
}

async function lineLog(out: Output): Promise<ProgressDisplay> {
  const rendering = await out.progressRendering();
  let last: ObservedJobStatus | undefined;
  return {
    update(status) {
      for (const line of progressLines(last, status, { ...rendering, now: new Date() })) out.say(line);
      last = status;
    },
    note: out.say,
    close() {},
  };
}
