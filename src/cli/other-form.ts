/** An input that is no request a line, but another form of the same: what it is, and what makes requests of it. */
import { readLines } from '../storage';

/** A short beginning is enough to tell the forms apart. */
const LOOKED_AT = 1000;

/**
 * @param location of an input that cannot be sent.
 * @param shown how a person writes it.
 * @returns undefined where it looks like lines of requests, or like nothing known.
 */
export async function otherForm(location: string, shown: string): Promise<{ what: string; hint: string } | undefined> {
  const beginning = await beginningOf(location);
  if (/^\s*\{\s*"requests"\s*:/.test(beginning)) {
    return {
      what: 'it is a whole body {"requests": […]}, and not a request a line',
      hint: `Send it as the one batch that it is: message-batches api create ${shown}\nOr make a line of each request: jq -c '.requests[]' ${shown} > requests.jsonl`,
    };
  }
  const [header = ''] = beginning.split('\n');
  const isTable = /\.(csv|tsv)(\.gz)?$/i.test(location) ? !/^\s*[[{]/.test(header) : /^[^[{]*[,\t;]/.test(header) && beginning.includes('\n');
  if (!isTable) return undefined;
  return {
    what: 'it is a table (CSV), and not a request a line',
    hint: `Make a request of each row: message-batches prepare ${shown} --model MODEL --max-tokens N --prompt 'Solve: {{COLUMN}}' --output requests.jsonl`,
  };
}

async function beginningOf(location: string): Promise<string> {
  let beginning = '';
  for await (const lines of readLines(location)) {
    for (const { bytes } of lines) {
      beginning += `${bytes.subarray(0, LOOKED_AT).toString('utf8')}\n`;
      if (beginning.length >= LOOKED_AT) return beginning;
    }
  }
  return beginning;
}
