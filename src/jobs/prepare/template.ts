/** Texts with placeholders: `{{field}}` stands for a row's value, and `{{"text"}}` for the text itself, so `{{"{{"}}` is `{{`. */
import { InputError } from '../input-error';

/** Of more braces in a row, the last two are the placeholder's: `{{{x}}}` puts braces around a value. */
const PLACEHOLDER = /\{\{(?!\{)\s*(?:"([^"]*)"|([^{}"]+?))\s*\}\}/g;

export interface Template {
  /** Literal texts, one more than there are fields: they stand before, between and after the values. */
  readonly literals: readonly string[];
  /** Names of the fields, in their order; one may stand there several times. */
  readonly fields: readonly string[];
}

/**
 * @param what the text is called in errors, e.g. `--prompt`.
 * @throws InputError `bad_template` where braces are opened that are no placeholder.
 */
export function parseTemplate(text: string, what: string): Template {
  const literals: string[] = [];
  const fields: string[] = [];
  let literal = '';
  let end = 0;
  for (const match of text.matchAll(PLACEHOLDER)) {
    literal += plain(text.slice(end, match.index), end, what);
    end = match.index + match[0].length;
    const [, quoted, field] = match;
    if (field === undefined) {
      literal += quoted ?? '';
      continue;
    }
    literals.push(literal);
    fields.push(field);
    literal = '';
  }
  literals.push(literal + plain(text.slice(end), end, what));
  return { literals, fields };
}

/** @param values one for each of the template's fields. */
export function fill({ literals }: Template, values: readonly string[]): string {
  let text = literals[0]!;
  for (let index = 0; index < values.length; index++) text += values[index]! + literals[index + 1]!;
  return text;
}

function plain(text: string, start: number, what: string): string {
  const at = text.indexOf('{{');
  if (at < 0) return text;
  throw new InputError(
    'bad_template',
    `${what} has {{ at character ${start + at + 1}, which begins no placeholder.`,
    'A placeholder is {{field}}, with the name of a column. To write {{ itself: {{"{{"}}',
  );
}
