/** The body of a create made of JSONL on its way: framed, checked, and never held in memory. */
import type { BodyReader } from './body-source';
import { RequestBodyError } from './errors';
import { JsonlFraming } from './jsonl-framing';
import { RequestChecker } from './request-checker';

export const BODY_START = '{"requests":[';

export class JsonlBody implements BodyReader {
  readonly #framing = new JsonlFraming(new RequestChecker());
  readonly #ready: Buffer[] = [];
  #bytes = 0;
  #ended = false;

  /**
   * @param blocks the JSONL, in memory that may be written to
   * @param bytes of the JSONL; the body has as many, and those of its beginning and its end
   * @param bodyEnd what follows the last request: `]}`, or more
   */
  constructor(
    private readonly blocks: BodyReader,
    private readonly bytes: number,
    private readonly bodyEnd: string,
  ) {}

  /**
   * Gives the end of the body only when every line was checked.
   * @throws InvalidRequestError where a line is no request; RequestBodyError where the source fails or has another length
   */
  async next(): Promise<Buffer | undefined> {
    while (this.#ready.length === 0 && !this.#ended) {
      const block = await this.blocks.next();
      const isFirst = this.#bytes === 0;
      this.#bytes += block?.length ?? 0;
      if (this.#bytes > this.bytes) throw new RequestBodyError(`jsonl was announced with ${this.bytes} bytes, but its source gave more (line ${this.#framing.line}); was the file written to?`);
      if (block) {
        const framed = this.#framing.push(block);
        this.#ready.push(...(isFirst ? [Buffer.from(BODY_START)] : []), ...framed);
      } else {
        this.#end();
      }
    }
    return this.#ready.shift();
  }

  close(): void {
    this.blocks.close();
  }

  #end(): void {
    this.#ended = true;
    if (this.#bytes < this.bytes) {
      throw new RequestBodyError(`jsonl was announced with ${this.bytes} bytes, but its source gave only ${this.#bytes} and ended in line ${this.#framing.line}; was the file written to?`);
    }
    this.#ready.push(...this.#framing.end(), Buffer.from(this.bodyEnd));
  }
}
