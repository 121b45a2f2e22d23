import type { JobReport, Outcome } from '../../contract';
import { noOutcomes, OUTCOMES } from '../../contract';
import { StorageError } from '../../storage';
import { InputError } from '../input-error';
import { outputFolder } from '../output-folder';
import type { PassOptions } from '../progress';
import type { ResultPlace } from '../results/index-format';
import { ResultsIndex } from '../results/index-reader';
import { readInputRequests } from '../results/input-requests';
import { type Check, count, failed, ok, unchecked } from './check';
import type { OutcomeIds } from './outcome-ids';

/** Places read of the index at once. */
const WINDOW = 4096;
const INDEX_HINT = 'Remove results.index: it is only an aid, and everything is found without it.';

export interface InputCheckOptions extends PassOptions {
  /** Where the input lies now, if not where the report says. */
  inputPath?: string;
  /** Bytes of results.jsonl as it is. */
  resultsBytes: number;
  /** So many requests are in no output by an id: they have none of their own, and no result. */
  withoutId: number;
}

/**
 * Holds the input, where it is still there, against the ids that the outputs speak of; and results.index against both.
 */
export async function checkInputAndIndex(report: JobReport, ids: OutcomeIds, options: InputCheckOptions): Promise<Check[]> {
  const opened = await ResultsIndex.open(outputFolder(report.output).resultsIndex, options.resultsBytes);
  const index = typeof opened === 'string' ? undefined : opened;
  try {
    const places = index && new PlacesCheck(index, report);
    if (places) await places.countOutcomes();
    const input = await checkInput(report, ids, places, options);
    if (places) return [places.check(input.state === 'ok'), input];
    const why = typeof opened === 'string' ? opened : '';
    return [why === 'is not there' ? unchecked('index', 'results.index is not there; it is only an aid') : failed('index', `results.index ${why}`, INDEX_HINT), input];
  } finally {
    await index?.close();
  }
}

async function checkInput(report: JobReport, ids: OutcomeIds, places: PlacesCheck | undefined, { inputPath, withoutId, signal, onProgress }: InputCheckOptions): Promise<Check> {
  const path = inputPath ?? report.input.path;
  let position = 0;
  let unknown: string | undefined;
  let unknowns = 0;
  try {
    for await (const requests of readInputRequests({ path, sha256: report.input.sha256, generatedIds: report.input.generated_ids }, { signal })) {
      for (const { customId } of requests) {
        if (!ids.mark(customId, 'input')) {
          unknown ??= customId;
          unknowns++;
        }
        const outcome = ids.outcomeOf(customId);
        if (places && (outcome || withoutId === 0)) await places.compare(position, outcome, ids.offsetOf(customId));
        position++;
      }
      onProgress?.({ lines: position, bytes: 0 });
    }
  } catch (error) {
    const gone = error instanceof InputError || (error instanceof StorageError && !error.passing);
    if (!gone) throw error;
    const why = error instanceof InputError && error.code === 'input_changed' ? 'is not what it was when the job was made' : 'cannot be read any more';
    return unchecked('input', `${path} ${why}, so the requests are known by the outputs alone (--input FILE names a copy)`);
  }
  const hint = 'The outputs are not those of this input: put them back from a copy.';
  if (unknowns !== withoutId) return failed('input', `${count(unknowns)} requests of the input are in no output, first ${JSON.stringify(unknown)}`, hint);
  if (position !== ids.size + withoutId) return failed('input', `the outputs speak of ${count(ids.size)} requests, and the input has ${count(position)}`, hint);
  return ok('input', `the input is the one that the job was made of, and its ${count(position)} custom_ids are those of the outputs`);
}

/** Walks results.index in the order of the input. */
class PlacesCheck {
  private window: ResultPlace[] = [];
  private windowStart = 0;
  private differing = 0;
  private readonly outcomes = noOutcomes();
  private problem: string | undefined;

  constructor(
    private readonly index: ResultsIndex,
    private readonly report: JobReport,
  ) {
    if (index.requests !== report.input.requests) this.problem = `is of ${count(index.requests)} requests, and the job has ${count(report.input.requests)}`;
  }

  async countOutcomes(): Promise<void> {
    for (let at = 0; at < this.index.requests && this.problem === undefined; at += WINDOW) {
      for (const { outcome } of await this.placesFrom(at)) this.outcomes[outcome]++;
    }
    const differing = OUTCOMES.filter((outcome) => this.outcomes[outcome] !== this.report.outcomes[outcome]);
    if (differing.length > 0) this.problem ??= `has ${count(this.outcomes[differing[0]!])} ${differing[0]}, and the report ${count(this.report.outcomes[differing[0]!])}`;
  }

  /** @param offset of the request's line in results.jsonl; undefined without one. */
  async compare(position: number, outcome: Outcome | undefined, offset: number | undefined): Promise<void> {
    if (this.problem !== undefined || position >= this.index.requests) return;
    if (position < this.windowStart || position >= this.windowStart + this.window.length) {
      this.windowStart = position;
      this.window = await this.placesFrom(position);
    }
    const place = this.window[position - this.windowStart];
    const same = place?.outcome === outcome && (offset === undefined ? place?.length === 0 : place?.offset === offset);
    if (!same) this.differing++;
  }

  /** @param compared whether every place was held against the input. */
  check(compared: boolean): Check {
    if (this.problem !== undefined) return failed('index', `results.index ${this.problem}`, INDEX_HINT);
    if (!compared) return ok('index', 'results.index is of this results.jsonl, and its outcomes are those of the report');
    if (this.differing > 0) return failed('index', `results.index has ${count(this.differing)} requests elsewhere than where they are`, INDEX_HINT);
    return ok('index', 'results.index has every result where it is');
  }

  private async placesFrom(at: number): Promise<ResultPlace[]> {
    try {
      return await this.index.places(at, Math.min(at + WINDOW, this.index.requests));
    } catch (error) {
      if (!(error instanceof StorageError) || error.code !== 'damaged') throw error;
      this.problem = 'is damaged';
      return [];
    }
  }
}
