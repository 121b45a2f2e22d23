/** Whether a fault can be made. Faults come from other processes too, so their types alone do not keep nonsense out. */
import { isObject } from './check-request';
import { CALLS, LINE_CHANGES, REDIRECTS, type Fault } from './faults';

const KINDS: Fault['kind'][] = [
  'status', 'not-found', 'garbage', 'lose-answer', 'hold-answer', 'freeze', 'freeze-body', 'reset', 'cut', 'stall', 'redirect', 'change-answer', 'change-lines',
  'changed-results',
];

/** @throws RangeError that says what is wrong */
export function checkFault(fault: Fault): void {
  const problem = targetProblem(fault) ?? kindProblem(fault);
  if (problem) throw new RangeError(`The simulator cannot make this fault: ${problem}`);
}

function targetProblem(fault: Fault): string | undefined {
  if (!CALLS.includes(fault.on)) return `\`on\` must be one of ${CALLS.join(', ')}.`;
  if (!KINDS.includes(fault.kind)) return `\`kind\` must be one of ${KINDS.join(', ')}.`;
  for (const name of ['times', 'after', 'ms', 'afterBytes', 'afterLines', 'line', 'count'] as const) {
    const value = (fault as unknown as Record<string, unknown>)[name];
    const least = name === 'line' || name === 'count' ? 1 : 0;
    if (value !== undefined && !(typeof value === 'number' && value >= least)) return `\`${name}\` must be a number from ${least}.`;
  }
  return fault.times === 0 ? '`times` must be at least 1.' : undefined;
}

function kindProblem(fault: Fault): string | undefined {
  switch (fault.kind) {
    case 'status':
      return fault.status >= 400 && fault.status <= 599 ? undefined : '`status` must be from 400 to 599.';
    case 'freeze-body':
      return fault.afterBytes === undefined ? '`afterBytes` is missing.' : undefined;
    case 'redirect':
      return REDIRECTS.includes(fault.status ?? 307) ? undefined : `\`status\` must be one of ${REDIRECTS.join(', ')}.`;
    case 'change-answer':
      if (!isObject(fault.headers ?? fault.fields) || !isObject(fault.fields ?? {})) return 'give `headers` or `fields`, as an object.';
      return fault.on === 'results' && fault.fields ? 'results have no `fields`; use `change-lines`.' : undefined;
    case 'change-lines':
      if (fault.on !== 'results') return '`change-lines` is for results only.';
      return LINE_CHANGES.includes(fault.change) ? undefined : `\`change\` must be one of ${LINE_CHANGES.join(', ')}.`;
    case 'changed-results':
      return fault.on === 'results' ? undefined : '`changed-results` is for results only.';
    case 'cut':
    case 'stall':
      return cutProblem(fault);
    default:
      return undefined;
  }
}

function cutProblem(fault: Extract<Fault, { kind: 'cut' | 'stall' }>): string | undefined {
  if (fault.on !== 'results') return `\`${fault.kind}\` is for results only.`;
  if ((fault.afterBytes === undefined) === (fault.afterLines === undefined)) return 'give `afterBytes` or `afterLines`, one of them.';
  if (fault.gzip && fault.afterLines !== undefined) return 'with `gzip`, give `afterBytes`.';
  if (fault.kind === 'cut' && fault.contentLength && (fault.looksComplete || fault.gzip)) {
    return '`contentLength` goes with neither `looksComplete` nor `gzip`.';
  }
  return undefined;
}
