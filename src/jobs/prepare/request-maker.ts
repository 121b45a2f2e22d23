import { CUSTOM_ID_PATTERN, MAX_METADATA_BYTES } from '../../contract';
import { type PartLimits, partLimits, sizeProblem } from '../part-size';
import { badCustomId, type LineProblem } from '../request-line';
import type { NamedField } from './columns';
import type { Getter, Row } from './rows';
import { textOfValue } from './rows';
import { fill, parseTemplate, type Template } from './template';

/** What becomes of a row in which a value is missing or empty. `error`: it is a problem; `skip`: no request; `empty`: nothing stands in its place. */
export type MissingValues = 'error' | 'skip' | 'empty';

export interface RequestShape extends Partial<Pick<PartLimits, 'maxBodyBytes'>> {
  /** Template of the one user message. */
  prompt: string;
  /** Template of `params.system`. */
  system?: string;
  /** Field with the custom_ids; default: `row-1`, `row-2`, … */
  idField?: string;
  /** Fields kept as metadata. */
  metadata?: readonly string[];
  missing?: MissingValues;
}

/** What a row came to. */
export type Made =
  | { kind: 'request'; customId: string; line: string; emptyValues: number }
  | { kind: 'skipped' }
  | { kind: 'problems'; problems: LineProblem[] };

const SKIPPED: Made = { kind: 'skipped' };

/** Makes requests of rows: first `named()` tells which fields it needs, then `bind` gives it their getters, then `make`. */
export class RequestMaker {
  private readonly prompt: Template;
  private readonly system?: Template;
  private readonly missing: MissingValues;
  /** JSON of what is the same in all requests, as the beginning of an object. */
  private readonly begin: string;
  private readonly limits: PartLimits;
  private getters = new Map<string, Getter>();

  /**
   * @param fixed params of all requests; has at least a model.
   * @throws InputError `bad_template`
   */
  constructor(
    fixed: Record<string, unknown>,
    private readonly shape: RequestShape,
  ) {
    this.prompt = parseTemplate(shape.prompt, '--prompt');
    if (shape.system !== undefined) this.system = parseTemplate(shape.system, '--system');
    this.missing = shape.missing ?? 'error';
    this.limits = partLimits(shape);
    // A template of the system prompt takes the place of a fixed one; what is undefined stands in no JSON.
    this.begin = JSON.stringify(this.system ? { ...fixed, system: undefined } : fixed).slice(0, -1);
  }

  /** All fields that requests are made of, and what names them. */
  named(): NamedField[] {
    return [...this.needed(), ...(this.shape.metadata ?? []).map((field) => ({ field, where: '--metadata' }))];
  }

  /** Fields that each row needs a value of. */
  needed(): NamedField[] {
    const { idField } = this.shape;
    return [
      ...this.prompt.fields.map((field) => ({ field, where: '--prompt' })),
      ...(this.system?.fields ?? []).map((field) => ({ field, where: '--system' })),
      ...(idField === undefined ? [] : [{ field: idField, where: '--id-field' }]),
    ];
  }

  bind(getter: (field: string) => Getter): void {
    this.getters = new Map(this.named().map(({ field }) => [field, getter(field)]));
  }

  make({ number, cells, problem }: Row): Made {
    if (problem) return { kind: 'problems', problems: [problem] };
    const row = new RowValues(this.getters, cells);
    const prompt = fill(this.prompt, row.texts(this.prompt.fields));
    const system = this.system && fill(this.system, row.texts(this.system.fields));
    const { idField } = this.shape;
    const customId = idField === undefined ? `row-${number}` : row.text(idField);
    if (row.missing.size > 0 && this.missing === 'skip') return SKIPPED;
    const problems = [...row.inexact].map(inexactNumber);
    if (this.missing === 'error') problems.push(...[...row.missing].map(missingValue));
    else if (prompt.trim() === '') problems.push({ message: 'The prompt is empty.', hint: 'Fill in a value, or leave such rows out with --missing skip.' });
    if (idField !== undefined && !CUSTOM_ID_PATTERN.test(customId) && !(row.missing.has(idField) && this.missing === 'error')) problems.push(idProblem(idField, customId));
    if (problems.length > 0) return { kind: 'problems', problems };
    return this.request(row, customId, prompt, system);
  }

  private request(row: RowValues, customId: string, prompt: string, system: string | undefined): Made {
    const systemJson = system === undefined ? '' : `,"system":${JSON.stringify(system)}`;
    const sent = `{"custom_id":"${customId}","params":${this.begin}${systemJson},"messages":[{"role":"user","content":${JSON.stringify(prompt)}}]}`;
    const sentBytes = Buffer.byteLength(sent) + 1;
    const metadata = this.metadataOf(row);
    const metadataBytes = metadata === undefined ? 0 : Buffer.byteLength(metadata);
    const problems = [...row.inexact].map(inexactNumber);
    if (metadataBytes > MAX_METADATA_BYTES) problems.push({ message: `Its metadata has ${metadataBytes} bytes; at most ${MAX_METADATA_BYTES} are carried.`, hint: 'Keep an id there, and the data in the table.' });
    const tooLarge = sizeProblem(sentBytes, this.limits);
    if (tooLarge) problems.push(tooLarge);
    if (problems.length > 0) return { kind: 'problems', problems };
    const line = metadata === undefined ? `${sent}}\n` : `${sent},"metadata":${metadata}}\n`;
    return { kind: 'request', customId, line, emptyValues: row.missing.size };
  }

  private metadataOf(row: RowValues): string | undefined {
    const { metadata } = this.shape;
    if (!metadata) return undefined;
    // Without a prototype, so that any name is a key.
    const values = Object.create(null) as Record<string, unknown>;
    for (const field of metadata) values[field] = row.value(field);
    return JSON.stringify(values);
  }
}

/** The values of one row, and what is wrong with those that were asked for. */
class RowValues {
  /** Fields without a text. */
  readonly missing = new Set<string>();
  /** Fields whose numbers were not read as they are written. */
  readonly inexact = new Set<string>();

  constructor(
    private readonly getters: ReadonlyMap<string, Getter>,
    private readonly cells: unknown,
  ) {}

  value(field: string): unknown {
    const value = this.getters.get(field)!(this.cells);
    if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value)) this.inexact.add(field);
    return value;
  }

  text(field: string): string {
    const text = textOfValue(this.value(field));
    if (text === '') this.missing.add(field);
    return text;
  }

  texts(fields: readonly string[]): string[] {
    return fields.map((field) => this.text(field));
  }
}

function missingValue(field: string): LineProblem {
  return { message: `${JSON.stringify(field)} is missing or empty.`, hint: 'Fill it in, or go on without it: --missing skip leaves such rows out, --missing empty puts nothing in its place.' };
}

function inexactNumber(field: string): LineProblem {
  return { message: `${JSON.stringify(field)} is a whole number with more digits than JSON readers keep.`, hint: 'Write it in quotes.' };
}

function idProblem(field: string, customId: string): LineProblem {
  const { message } = badCustomId(customId);
  return {
    message: `${message.replace(/\.$/, '')} (of ${JSON.stringify(field)}).`,
    hint: `Without --id-field the ids are row-1, row-2, …, and --metadata ${/^[\w.-]+$/.test(field) ? field : JSON.stringify(field)} keeps yours beside them.`,
  };
}
