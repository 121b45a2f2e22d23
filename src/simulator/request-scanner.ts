/**
 * Splits the body of a create call, `{"requests":[{…},{…}]}`, into its requests while it arrives.
 * Only brackets and strings are followed here; each request is parsed by whoever takes it. Memory is one request.
 */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** The Messages API takes 32 MB in one request. */
export const MAX_REQUEST_BYTES = 32_000_000;
/** Whatever else stands in a body beside its requests is kept and parsed at the end. */
const MAX_OUTLINE_BYTES = 4096;

/** The body is not what a create call takes; the message is for the caller. */
export class InvalidBody extends Error {}

type Place =
  | 'outside' // of the list of requests
  | 'first' // in the list, before its first request
  | 'request' // in a request
  | 'after' // behind a request
  | 'next'; // behind a comma

export class RequestScanner {
  private place: Place = 'outside';
  private listSeen = false;
  private requests = 0;
  private inString = false;
  private escaped = false;
  private depth = 0;
  private pieces: Buffer[] = [];
  private piecesBytes = 0;
  private outline: number[] = [];

  /**
   * Takes the next bytes, gives the requests that end in them, as they stand in the body. They may share memory with the bytes.
   * @throws InvalidBody
   */
  push(chunk: Buffer): Buffer[] {
    const found: Buffer[] = [];
    let at = 0;
    while (at < chunk.length) {
      if (this.place === 'request') {
        const end = this.endOfRequest(chunk, at);
        this.keep(chunk.subarray(at, end));
        at = end;
        if (this.depth === 0) found.push(this.finish());
      } else if (this.place === 'outside') {
        this.addToOutline(chunk[at++]!);
      } else {
        at = this.betweenRequests(chunk, at);
      }
    }
    return found;
  }

  /**
   * Call when the body has ended.
   * @throws InvalidBody where it is not whole, has no list of requests, or holds anything else.
   */
  end(): void {
    if (this.place !== 'outside') throw new InvalidBody('The request body is not valid JSON: it ends in the list of requests.');
    let outline: unknown;
    try {
      outline = JSON.parse(Buffer.from(this.outline).toString('utf8'));
    } catch {
      throw new InvalidBody('The request body is not valid JSON.');
    }
    if (typeof outline !== 'object' || outline === null || Array.isArray(outline)) {
      throw new InvalidBody('The request body must be a JSON object.');
    }
    const extra = Object.keys(outline).find((key) => key !== 'requests');
    if (extra !== undefined) throw new InvalidBody(`${extra}: Extra inputs are not permitted`);
    if (!('requests' in outline)) throw new InvalidBody('requests: Field required');
    if (!this.listSeen) throw new InvalidBody('requests: Input should be a valid list');
  }

  /** Where the request that is being read ends, or the chunk does. `depth` is 0 afterwards if it was the request. */
  private endOfRequest(chunk: Buffer, from: number): number {
    let { inString, escaped, depth } = this;
    let at = from;
    while (at < chunk.length) {
      if (inString) {
        if (escaped) at++;
        escaped = false;
        // Most of a request is text: this loop is where the time goes.
        let byte: number | undefined;
        while (at < chunk.length && (byte = chunk[at]) !== QUOTE && byte !== BACKSLASH) at++;
        if (at >= chunk.length) break;
        if (byte === QUOTE) inString = false;
        else escaped = true;
        at++;
      } else {
        const byte = chunk[at++];
        if (byte === QUOTE) inString = true;
        else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth++;
        else if ((byte === CLOSE_BRACE || byte === CLOSE_BRACKET) && --depth === 0) break;
      }
    }
    this.inString = inString;
    this.escaped = escaped;
    this.depth = depth;
    return at;
  }

  private keep(piece: Buffer): void {
    this.pieces.push(piece);
    this.piecesBytes += piece.length;
    if (this.piecesBytes > MAX_REQUEST_BYTES) {
      throw new InvalidBody(`requests.${this.requests}: A single request must not exceed ${MAX_REQUEST_BYTES} bytes`);
    }
  }

  private finish(): Buffer {
    const request = this.pieces.length === 1 ? this.pieces[0]! : Buffer.concat(this.pieces, this.piecesBytes);
    this.pieces = [];
    this.piecesBytes = 0;
    this.place = 'after';
    this.requests++;
    return request;
  }

  private betweenRequests(chunk: Buffer, at: number): number {
    const byte = chunk[at]!;
    if (isSpace(byte)) return at + 1;
    if (byte === OPEN_BRACE && this.place !== 'after') {
      this.place = 'request';
      return at;
    }
    if (byte === COMMA && this.place === 'after') {
      this.place = 'next';
      return at + 1;
    }
    if (byte === CLOSE_BRACKET && this.place !== 'next') {
      this.place = 'outside';
      return at;
    }
    if (this.place === 'after' || byte === CLOSE_BRACKET || byte === COMMA) {
      throw new InvalidBody('The request body is not valid JSON: the list of requests is malformed.');
    }
    throw new InvalidBody(`requests.${this.requests}: Input should be an object`);
  }

  private addToOutline(byte: number): void {
    if (!this.inString && isSpace(byte)) return;
    this.outline.push(byte);
    if (this.outline.length > MAX_OUTLINE_BYTES) throw new InvalidBody('The request body holds too much beside its requests.');
    if (this.inString) {
      if (this.escaped) this.escaped = false;
      else if (byte === BACKSLASH) this.escaped = true;
      else if (byte === QUOTE) this.inString = false;
    } else if (byte === QUOTE) {
      this.inString = true;
    } else if (byte === OPEN_BRACKET && /^\{(.*,)?"requests":\[$/s.test(Buffer.from(this.outline).toString('latin1'))) {
      if (this.listSeen) throw new InvalidBody('requests: Given twice');
      this.listSeen = true;
      this.place = 'first';
    }
  }
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}
