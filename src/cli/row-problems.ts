import type { Prepared, RowProblem } from '../jobs/prepare';
import { CliError } from './cli-error';

/** The rows that cannot be used, as an error; a hint that many have in common stands once. */
export function badRows({ problems, problemCount }: Pick<Prepared, 'problems' | 'problemCount'>, source: string): CliError {
  const lines = problems.flatMap((problem, index) => {
    const last = problems[index + 1]?.hint !== problem.hint;
    return [`  ${placeOf(problem)}: ${problem.message}`, ...(last ? [`    ${problem.hint}`] : [])];
  });
  const more = problemCount - problems.length;
  if (more > 0) lines.push(`  and ${more} more`);
  return new CliError('input_invalid', `${source} makes no requests: ${problemCount === 1 ? 'there is one problem' : `there are ${problemCount} problems`}.\n${lines.join('\n')}`, {
    hint: 'Nothing was written. Mend the rows, then run the same command again.',
    details: { problems, problemCount },
  });
}

function placeOf({ row, line }: RowProblem): string {
  return line === undefined ? `row ${row}` : `row ${row} (line ${line})`;
}
