import { MAX_PROBLEM_EXAMPLES } from '../contract';
import type { InputProblem } from './input-error';
import type { RequestFacts } from './request-facts';

/** Collects what the API will refuse in single requests: the first twenty, and how many there are. */
export class ParamsWarnings {
  readonly first: InputProblem[] = [];
  count = 0;

  /** @param line from 1, as an editor shows it. */
  add(line: number, { warning }: RequestFacts): void {
    if (!warning || this.count++ >= MAX_PROBLEM_EXAMPLES) return;
    this.first.push({ line, ...warning });
  }
}
