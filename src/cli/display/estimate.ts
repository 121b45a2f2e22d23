/** What an input is expected to need, to use and to cost, and what of it the API will refuse. */
import type { CostRange, ExpectedCost, PriceTable } from '../../contract';
import { expectedCost } from '../../contract';
import { diskNeeded, type InputCheck } from '../../jobs';
import { dollars } from './money';
import { counted, type Rendering } from './rendering';

/** Models with a line of their own. */
const MAX_MODELS_SHOWN = 10;
const NAMES_SHOWN = 5;

export interface Estimate {
  disk: CostRange;
  expected: ExpectedCost;
  prices: PriceTable;
  /** Requests whose prompts nobody can tell the length of. */
  uncounted: number;
}

export function estimateOf(check: InputCheck, prices: PriceTable): Estimate {
  return { disk: diskNeeded(check), expected: expectedCost(check.expected, prices), prices, uncounted: check.uncounted };
}

/** Lines with a label of nine characters each. */
export function estimateLines({ disk, expected, prices, uncounted }: Estimate, rendering: Rendering, simulated = false): string[] {
  const { formats } = rendering;
  const { tokens, models, withoutPrice } = expected;
  const count = ({ low, high }: CostRange): string => range(formats.count(rough(low)), formats.count(rough(high)));
  const price = ({ low, high }: CostRange): string => range(dollars(low), dollars(high));
  const lines = [
    `disk     ${range(formats.bytes(disk.low), formats.bytes(disk.high))}, at the outputs`,
    `tokens   about ${count(tokens.input)} in, ${count(tokens.output)} out (guessed from bytes and max_tokens)`,
  ];
  // What is brought in from elsewhere has no bound.
  const atMost = uncounted > 0 ? '' : `; at most ${dollars(expected.worst)}`;
  if (withoutPrice.length < models.length) lines.push(`cost     ${price(expected)} at the batch prices of ${prices.date}${atMost}${simulated ? ' (simulated: nothing is paid)' : ''}`);
  if (models.length > 1) {
    for (const { model, requests, cost } of models.slice(0, MAX_MODELS_SHOWN)) lines.push(`         ${model}: ${counted(requests, 'request', rendering)}, ${cost ? price(cost) : 'no price known'}`);
    if (models.length > MAX_MODELS_SHOWN) lines.push(`         and ${formats.count(models.length - MAX_MODELS_SHOWN)} more models`);
  }
  if (withoutPrice.length > 0) lines.push(`no price ${listed(withoutPrice)}, in the table of ${prices.date}`);
  if (uncounted > 0) lines.push(`beside   not in these figures: what URLs, file ids and server tools of ${counted(uncounted, 'request', rendering)} bring in`);
  return lines;
}

/** What a job may cost at most, in US dollars, and the most that one of its requests may. */
export interface Cap {
  maxCost: number;
  dearestRequest: number;
}

/** Lines as those of `estimateLines`; none where there is no cap. */
export function capLines(cap: Cap | undefined, { parts }: Pick<InputCheck, 'parts'>): string[] {
  if (!cap) return [];
  const { maxCost, dearestRequest } = cap;
  const lines = [`cap      at most ${dollars(maxCost)}${parts > 1 ? ', so in small batches' : ''}`];
  if (dearestRequest > maxCost) lines.push(`         one request alone may cost ${dollars(dearestRequest)}: what may cost more than the cap does not fit, and is not sent`);
  return lines;
}

export function capDocument(cap: Cap | undefined): object {
  return cap ? { maxCost: cap.maxCost, dearestRequest: cap.dearestRequest } : {};
}

/** What the API will refuse, the first twenty by line; none where all is well. */
export function warningLines({ warnings, warningCount }: InputCheck, rendering: Rendering): string[] {
  if (warningCount === 0) return [];
  const more = warningCount - warnings.length;
  return [
    `warning  ${counted(warningCount, 'request', rendering)} will be refused by the API, each by itself:`,
    ...warnings.flatMap(({ line, message, hint }) => [`  line ${line}: ${message}`, `    ${hint}`]),
    ...(more > 0 ? [`  and ${rendering.formats.count(more)} more`] : []),
  ];
}

/** The same for a script. */
export function estimateDocument({ disk, expected, prices, uncounted }: Estimate, { warnings, warningCount }: InputCheck): object {
  const { low, high, worst, tokens, models, withoutPrice } = expected;
  const cost = withoutPrice.length < models.length ? { currency: prices.currency, low, high, worst, prices: { date: prices.date, source: prices.source } } : null;
  return { estimate: { disk, tokens, cost, models: models.map((model) => ({ ...model, cost: model.cost ?? null })), withoutPrice, uncounted }, warnings, warningCount };
}

function range(low: string, high: string): string {
  return low === high ? low : `${low} to ${high}`;
}

/** Two digits: more would be made up. */
function rough(count: number): number {
  return Number(count.toPrecision(2));
}

function listed(names: readonly string[]): string {
  const more = names.length - NAMES_SHOWN;
  return names.slice(0, NAMES_SHOWN).join(', ') + (more > 0 ? ` and ${more} more` : '');
}
