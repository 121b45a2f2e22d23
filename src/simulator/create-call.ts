/** The create call: the body is checked, answered and written to disk while it arrives. */
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { MAX_BATCH_BODY_BYTES, MAX_REQUESTS_PER_BATCH } from '../contract/limits';
import { htmlAnswer, jsonAnswer, type TextAnswer } from './answer';
import { ApiFailure, invalidRequest } from './api-failure';
import { describeBatch, isoNow } from './batch-calls';
import { courseOf } from './batch-record';
import { checkRequest } from './check-request';
import type { SimulatorContext } from './context';
import { drawOutcome } from './draw';
import type { IncomingBatch } from './incoming-batch';
import type { AdjustableOptions } from './options';
import type { RequestBody } from './request-body';
import { PromptCache } from './prompt-cache';
import { InvalidBody, RequestScanner } from './request-scanner';
import { resultLine } from './result-line';

/**
 * @throws ApiFailure where the batch is refused
 * @throws BodyIncomplete where the client went away before all of the body had arrived; nothing is kept then.
 * If it goes away later, the batch is accepted.
 */
export async function create(request: IncomingMessage, body: RequestBody, context: SimulatorContext): Promise<TextAnswer> {
  const { maxBodyBytes = MAX_BATCH_BODY_BYTES } = context.options;
  if (Number(request.headers['content-length'] ?? 0) > maxBodyBytes) return tooLarge();
  const incoming = await context.store.begin();
  let accepted = false;
  try {
    // Options may change while a large body arrives; a batch is made under those it began with.
    const { options } = context;
    const hash = createHash('sha256');
    const intake = new RequestIntake(incoming, apiVersion(request), options, context);
    let bytes = 0;
    for await (const chunk of body.chunks()) {
      bytes += chunk.length;
      if (bytes > maxBodyBytes) return tooLarge();
      hash.update(chunk);
      intake.push(chunk);
      await incoming.addBody(chunk);
      await incoming.flushIfLarge();
    }
    context.events.emit('create-body-read');
    intake.end();
    await incoming.close();
    checkQueue(incoming.customIds.size, context);
    const record = context.store.accept(incoming, {
      created_at: isoNow(context),
      processing_ms: finiteOrNull(options.processingMs),
      canceling_ms: finiteOrNull(options.cancelingMs),
      body: { bytes, sha256: hash.digest('hex') },
      ...(intake.cacheWritten.length > 0 && { cache_written: intake.cacheWritten }),
      anthropic_version: apiVersion(request),
      anthropic_beta: request.headers['anthropic-beta']?.toString(),
      anthropic_workspace_id: request.headers['anthropic-workspace-id']?.toString(),
    });
    accepted = true;
    context.events.emit('create-accepted');
    return jsonAnswer(await describeBatch(record, context));
  } finally {
    if (!accepted) await incoming.discard();
  }
}

const CACHE_CONTROL = Buffer.from('"cache_control"');

/** Takes the requests out of the body and decides what will become of each. */
class RequestIntake {
  private readonly scanner = new RequestScanner();
  private count = 0;
  /** The first thing that is wrong. The rest of the body is then read and forgotten, and refused at its end. */
  private problem: InvalidBody | undefined;
  private readonly cache = new PromptCache((key) => this.cacheState(key));

  constructor(
    private readonly incoming: IncomingBatch,
    private readonly apiVersion: string,
    private readonly options: AdjustableOptions,
    private readonly context: SimulatorContext,
  ) {}

  push(chunk: Buffer): void {
    if (this.problem) return;
    try {
      for (const bytes of this.scanner.push(chunk)) this.add(bytes);
    } catch (error) {
      if (!(error instanceof InvalidBody)) throw error;
      this.problem = error;
    }
  }

  /** @throws ApiFailure */
  end(): void {
    try {
      if (this.problem) throw this.problem;
      this.scanner.end();
      if (this.count === 0) throw new InvalidBody('requests: List should have at least 1 item');
    } catch (error) {
      throw error instanceof InvalidBody ? invalidRequest(error.message) : error;
    }
  }

  private add(bytes: Buffer): void {
    const index = this.count++;
    if (index === MAX_REQUESTS_PER_BATCH) throw new InvalidBody(`requests: List should have at most ${MAX_REQUESTS_PER_BATCH} items`);
    const request = checkRequest(bytes, index);
    const { customId } = request;
    if (this.incoming.customIds.has(customId)) throw new InvalidBody(`requests.${index}.custom_id: ${customId} is given twice, it must be unique in the batch`);
    const drawn = drawOutcome(customId, this.context.store.timesSeen(customId) + 1, this.options);
    const { answerBytes, usageFactor } = this.options;
    const cache = bytes.includes(CACHE_CONTROL) ? this.cache.use(request.params) : undefined;
    const result = resultLine(request, drawn, bytes.length, index, { batchId: this.incoming.id, apiVersion: this.apiVersion, answerBytes, usageFactor, cache });
    if (cache && result.outcome === 'succeeded' && cache.writtenBytes > 0) this.cache.written.add(cache.key);
    this.incoming.addResult(result);
  }

  /** Keys of the prefixes that its requests write to the prompt cache. */
  get cacheWritten(): string[] {
    return [...this.cache.written];
  }

  private cacheState(key: string): 'unknown' | 'being written' | 'readable' {
    const writer = this.context.store.cacheWriter(key);
    if (!writer) return 'unknown';
    return courseOf(writer, this.context.now()).status === 'ended' ? 'readable' : 'being written';
  }
}

function checkQueue(requests: number, context: SimulatorContext): void {
  const { queueLimit } = context.options;
  if (queueLimit === undefined) return;
  const now = context.now();
  const waiting = context.store
    .accepted()
    .filter((record) => courseOf(record, now).status !== 'ended')
    .reduce((sum, record) => sum + record.requests, 0);
  if (waiting + requests <= queueLimit) return;
  throw new ApiFailure(429, `This batch would exceed your limit of ${queueLimit} requests in the processing queue (${waiting} are in it).`, {
    headers: { 'retry-after': '10' },
  });
}

/** JSON has no Infinity. */
function finiteOrNull(ms: number): number | null {
  return ms === Infinity ? null : ms;
}

function apiVersion(request: IncomingMessage): string {
  return String(request.headers['anthropic-version']);
}

/** What the CDN in front of the API says; the API never sees such a call. */
function tooLarge(): TextAnswer {
  return htmlAnswer(413, 'Request Entity Too Large');
}
