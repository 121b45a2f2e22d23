import { API_OUTCOMES, type JobReport, noOutcomes, OUTCOMES, totalOf } from '../../contract';
import { isBlankLine, type Line } from '../../jsonl';
import { readLines, StorageError } from '../../storage';
import { outputFolder } from '../output-folder';
import { parseOutputLine } from '../result-line';
import { customIdOf } from '../results/custom-id';
import { type Check, count, failed, ok, RESULTS_HINT } from './check';
import { ListedRequests } from './listed-requests';
import type { OutcomeIds } from './outcome-ids';

const REQUESTS_HINT = 'Put failed-requests.jsonl and missing-requests.jsonl back from a copy: what stands in neither, and has no result, is lost from sight.';

/** Holds the lines of results.jsonl, and after them those of the requests that did not succeed, against the report. */
export class OutcomesCheck {
  /** By the lines of results.jsonl and of the two lists. */
  readonly found = noOutcomes();
  private readonly unreadable: number[] = [];
  private readonly twice: string[] = [];
  private lines = 0;
  /** Requests without an id of their own, and without a result: nothing names them. */
  withoutId = 0;

  private readonly listed: ListedRequests;

  constructor(
    private readonly report: JobReport,
    private readonly ids: OutcomeIds,
  ) {
    this.listed = new ListedRequests(outputFolder(report.output).requestsIndex, report.input.requests);
  }

  takeResults(lines: readonly Line[]): void {
    for (const { bytes, offset } of lines) {
      this.lines++;
      const parsed = parseOutputLine(bytes);
      const id = parsed.kind === 'result' ? customIdOf(bytes) : undefined;
      if (parsed.kind !== 'result' || id === undefined) {
        this.unreadable.push(this.lines);
        continue;
      }
      this.found[parsed.outcome]++;
      if (!this.ids.add(id, parsed.outcome, offset)) this.twice.push(id);
    }
  }

  /** Every line is a result, and no two are of one request. */
  resultLines(): Check {
    const { unreadable, twice } = this;
    if (unreadable.length > 0) return failed('lines', `${count(unreadable.length)} of ${count(this.lines)} lines of results.jsonl are no results, first line ${count(unreadable[0]!)}`, RESULTS_HINT);
    if (twice.length > 0) {
      const tooMany = this.ids.outcomeOf(twice[0]!) === undefined;
      const what = tooMany ? `there are more results than the ${count(this.report.input.requests)} requests` : `${count(twice.length)} results are further ones of the same request, first ${JSON.stringify(twice[0])}`;
      return failed('lines', what, RESULTS_HINT);
    }
    return ok('lines', `${count(this.lines)} results, each of another request`);
  }

  /** The lists of requests together with the results come to the outcomes that the report has, and these to the input. */
  async outcomes(): Promise<Check> {
    const { outcomes, input, problems } = this.report;
    const sum = totalOf(outcomes);
    if (sum !== input.requests || problems.some(({ kind }) => kind === 'unproven')) {
      return failed('outcomes', `the report itself has ${count(sum)} outcomes for ${count(input.requests)} requests`, 'The working data was kept; show this to whoever keeps message-batches.');
    }
    const wrong = (await this.takeMissing()) ?? (await this.takeFailed());
    if (wrong !== undefined) return failed('outcomes', wrong, REQUESTS_HINT);
    const differing = OUTCOMES.filter((outcome) => this.found[outcome] !== outcomes[outcome]);
    if (differing.length > 0) {
      const what = differing.map((outcome) => `${count(this.found[outcome])} ${outcome}, the report says ${count(outcomes[outcome])}`).join('; ');
      const inResults = differing.some((outcome) => (API_OUTCOMES as readonly string[]).includes(outcome));
      return failed('outcomes', `the outputs hold ${what}`, inResults ? RESULTS_HINT : REQUESTS_HINT);
    }
    const but = this.listed.unchecked ? '; requests.index of this job is not there, so nobody can tell whether the listed requests are as they were sent' : '';
    return ok('outcomes', `every one of ${count(input.requests)} requests has one outcome, and the outputs come to those of the report${but}`);
  }

  /** Requests may be sent under ids of ours, which the outputs have where a request has none itself. */
  private get mayLackIds(): boolean {
    return this.report.input.generated_ids !== undefined;
  }

  private async takeMissing(): Promise<string | undefined> {
    const { missingRequests } = outputFolder(this.report.output);
    for await (const { id, bytes } of requestsOf(missingRequests)) {
      if (id === undefined) {
        if (!this.mayLackIds) return 'missing-requests.jsonl has a line that is no request';
        this.withoutId++;
      } else if (!this.ids.add(id, 'missing')) {
        return `${JSON.stringify(id)} stands in missing-requests.jsonl, and has an outcome already`;
      }
      this.found.missing++;
      if (!(await this.listed.isOfJob(bytes))) return changed(id, 'missing-requests.jsonl');
    }
    return undefined;
  }

  private async takeFailed(): Promise<string | undefined> {
    const { failedRequests } = outputFolder(this.report.output);
    let withResult = 0;
    let withoutId = 0;
    for await (const { id, bytes } of requestsOf(failedRequests)) {
      if (id === undefined) {
        if (!this.mayLackIds) return 'failed-requests.jsonl has a line that is no request';
        withoutId++;
        if (!(await this.listed.isOfJob(bytes))) return changed(id, 'failed-requests.jsonl');
        continue;
      }
      const outcome = this.ids.outcomeOf(id);
      if (outcome === 'succeeded' || outcome === 'missing') return `${JSON.stringify(id)} stands in failed-requests.jsonl, and is ${outcome}`;
      if (outcome === undefined) {
        if (!this.ids.add(id, 'unsent')) return `failed-requests.jsonl has more requests than the job`;
        this.found.unsent++;
      } else if (outcome !== 'unsent') {
        withResult++;
      }
      if (!this.ids.mark(id, 'failed')) return `${JSON.stringify(id)} stands twice in failed-requests.jsonl`;
      if (!(await this.listed.isOfJob(bytes))) return changed(id, 'failed-requests.jsonl');
    }
    const expected = this.found.errored + this.found.canceled + this.found.expired;
    // Which of these has a result nobody can tell: those of them that are too many to have one were not sent.
    const unsent = Math.max(0, withResult + withoutId - expected);
    this.withoutId += unsent;
    this.found.unsent += unsent;
    return withResult + withoutId - unsent === expected ? undefined : `failed-requests.jsonl has ${count(withResult)} of the ${count(expected)} requests whose result is no success`;
  }
}

function changed(id: string | undefined, list: string): string {
  return `${id === undefined ? 'a request without an id' : JSON.stringify(id)} in ${list} is not as the job was made of it (by requests.index)`;
}

/** The lines of a list of requests with their custom_ids. The list is not there where it is empty. */
async function* requestsOf(path: string): AsyncGenerator<{ id: string | undefined; bytes: Buffer }, void, undefined> {
  try {
    for await (const lines of readLines(path)) {
      for (const { bytes } of lines) if (!isBlankLine(bytes)) yield { id: customIdOf(bytes), bytes };
    }
  } catch (error) {
    if (!(error instanceof StorageError) || error.code !== 'changed') throw error;
  }
}
