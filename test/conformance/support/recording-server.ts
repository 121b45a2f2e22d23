/**
 * A server that writes down what clients send, byte for byte, and what they are answered. It passes requests on to
 * another server, answers from a script, or plays the answers of a recording again to another client.
 */
import { once } from 'node:events';
import { createServer, request as httpRequest, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

export interface SentRequest {
  method: string;
  /** Path and query as they stood in the request line. */
  target: string;
  /** Lower-case names, in the order of the wire. */
  headers: [name: string, value: string][];
  body: Buffer;
}

export interface GivenAnswer {
  status: number;
  headers: Record<string, string | string[]>;
  body: Buffer;
}

/** The connection was reset instead of an answer. */
export type Reset = 'reset';

export interface Exchange {
  request: SentRequest;
  answer: GivenAnswer | Reset;
}

/** What the next request is answered, from its place in the order of requests. */
type Source = (request: SentRequest, index: number) => Promise<GivenAnswer | Reset>;

export class RecordingServer {
  /** What happened since the source of answers was last chosen. */
  exchanges: Exchange[] = [];
  private source: Source = () => Promise.reject(new Error('There is nothing to answer with yet.'));
  private readonly server: Server;

  private constructor() {
    this.server = createServer((request, response) => void this.handle(request, response));
  }

  static async start(): Promise<RecordingServer> {
    const recorder = new RecordingServer();
    recorder.server.listen(0, '127.0.0.1');
    await once(recorder.server, 'listening');
    return recorder;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  get requests(): SentRequest[] {
    return this.exchanges.map(({ request }) => request);
  }

  /** From now on another server answers. @param origin scheme, host and port */
  passOn(origin: string): void {
    this.answerWith((request) => passOn(origin, request));
  }

  /** From now on these answers are given, in their order. */
  play(answers: (GivenAnswer | Reset)[]): void {
    this.answerWith(async (_request, index) => answers[index] ?? json(500, { type: 'error', error: { type: 'api_error', message: `Request ${index + 1} is one more than there are answers.` } }));
  }

  async close(): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    this.server.closeAllConnections();
    await closed;
  }

  private answerWith(source: Source): void {
    this.exchanges = [];
    this.source = source;
  }

  private async handle(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const { exchanges } = this;
    try {
      const body = await buffer(incoming);
      const request: SentRequest = { method: incoming.method!, target: incoming.url!, headers: pairs(incoming.rawHeaders), body };
      const answer = await this.source(request, exchanges.length);
      exchanges.push({ request, answer });
      if (answer === 'reset') {
        incoming.socket.resetAndDestroy();
        return;
      }
      // The same answer is the same whenever it is given.
      response.sendDate = false;
      response.writeHead(answer.status, answer.headers);
      response.end(answer.body);
    } catch {
      // The client went away, or there is nothing to answer with: it hears of it by its connection.
      response.destroy();
    }
  }
}

/** An answer in JSON, as the API gives it. */
export function json(status: number, value: unknown, headers: Record<string, string> = {}): GivenAnswer {
  return { status, headers: { 'content-type': 'application/json', 'request-id': 'req_scripted', ...headers }, body: Buffer.from(JSON.stringify(value)) };
}

export function text(status: number, body: string, headers: Record<string, string>): GivenAnswer {
  return { status, headers, body: Buffer.from(body) };
}

/** Framing that belongs to one connection and not to the answer. */
const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'transfer-encoding']);

async function passOn(origin: string, { method, target, headers, body }: SentRequest): Promise<GivenAnswer | Reset> {
  const upstream = httpRequest(origin + target, { method, headers: headers.filter(([name]) => !HOP_BY_HOP.has(name)).flat(), agent: false });
  upstream.end(body);
  try {
    const [answer] = (await once(upstream, 'response')) as [IncomingMessage];
    const kept = pairs(answer.rawHeaders).filter(([name]) => !HOP_BY_HOP.has(name));
    return { status: answer.statusCode!, headers: Object.fromEntries(kept), body: await buffer(answer) };
  } catch {
    return 'reset';
  }
}

function pairs(raw: string[]): [string, string][] {
  return Array.from({ length: raw.length / 2 }, (_, index) => [raw[2 * index]!.toLowerCase(), raw[2 * index + 1]!]);
}
