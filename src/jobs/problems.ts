import { MAX_PROBLEM_EXAMPLES, type Problem } from '../contract';

/** Counts problems by kind and keeps the first few of each in words. */
export class ProblemList {
  private readonly byKind = new Map<string, Problem>();

  /** @param example what a person needs to find it; never a prompt or an answer. */
  add(kind: string, example: string): void {
    this.addAll([{ kind, count: 1, examples: [example] }]);
  }

  addAll(problems: readonly Problem[]): void {
    for (const { kind, count, examples } of problems) {
      const known = this.byKind.get(kind) ?? { kind, count: 0, examples: [] };
      this.byKind.set(kind, known);
      known.count += count;
      known.examples.push(...examples.slice(0, MAX_PROBLEM_EXAMPLES - known.examples.length));
    }
  }

  list(): Problem[] {
    return [...this.byKind.values()];
  }
}
