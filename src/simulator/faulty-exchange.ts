/** What a fault does to one call. How results are cut and stalled stands in send-results.ts. */
import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { failureAnswer, htmlAnswer, type Answer, type TextAnswer } from './answer';
import { ApiFailure, errorType } from './api-failure';
import { changeAnswer, changeLines, changeResults } from './changed-answer';
import type { SimulatorContext } from './context';
import type { Fault } from './faults';
import type { RequestBody } from './request-body';

/** The connection was, or is to be, left without an answer. */
type NoAnswer = 'no answer';

export class FaultyExchange {
  constructor(
    private readonly fault: Fault,
    private readonly request: IncomingMessage,
    private readonly body: RequestBody,
    private readonly requestId: string,
    private readonly context: SimulatorContext,
  ) {}

  /** Before the call takes effect: what is answered instead, or undefined if the call goes on. */
  async before(): Promise<TextAnswer | NoAnswer | undefined> {
    const { fault } = this;
    switch (fault.kind) {
      case 'freeze-body':
        await this.readBody(fault.afterBytes);
        this.tookEffect();
        return 'no answer';
      case 'reset':
        await this.readBody(fault.afterBytes ?? 0);
        this.request.socket.resetAndDestroy();
        this.tookEffect();
        return 'no answer';
      case 'not-found':
        return this.insteadOfCall(failureAnswer(new ApiFailure(404, 'Not found (simulated for a moment).'), this.requestId));
      case 'redirect': {
        const location = fault.location ?? this.request.url!;
        return this.insteadOfCall({ status: fault.status ?? 307, headers: location === '' ? {} : { location }, body: '' });
      }
      case 'status':
      case 'garbage':
        return fault.when === 'afterAccept' ? undefined : this.insteadOfCall(this.spoiltAnswer());
      default:
        return undefined;
    }
  }

  /** After the call took effect: what is answered in place of its answer. */
  async after(answer: Answer): Promise<Answer | NoAnswer> {
    switch (this.fault.kind) {
      case 'lose-answer':
        this.request.socket.resetAndDestroy();
        this.tookEffect();
        return 'no answer';
      case 'hold-answer':
        this.tookEffect();
        if (this.fault.ms === undefined) return 'no answer';
        await sleep(this.fault.ms, undefined, { signal: this.context.closing });
        return answer;
      case 'status':
      case 'garbage':
        this.tookEffect();
        return this.spoiltAnswer(answer);
      case 'change-answer':
        this.tookEffect();
        return changeAnswer(answer, this.fault);
      case 'change-lines':
        this.tookEffect();
        return changeLines(answer, this.fault);
      case 'changed-results':
        this.tookEffect();
        return changeResults(answer, this.fault, this.request);
      default:
        return answer;
    }
  }

  private async insteadOfCall(answer: TextAnswer): Promise<TextAnswer> {
    await this.body.readToEnd();
    if (this.fault.on === 'create') this.context.events.emit('create-body-read');
    this.tookEffect();
    return answer;
  }

  /** Reads about so many bytes: the network hands them over in pieces. */
  private async readBody(bytes: number): Promise<void> {
    let left = bytes;
    if (left === 0) return;
    for await (const chunk of this.body.chunks()) {
      left -= chunk.length;
      if (left <= 0) return;
    }
  }

  private spoiltAnswer(answer?: Answer): TextAnswer {
    const { fault } = this;
    if (fault.kind === 'status') {
      const headers = { ...(fault.retryAfterSeconds === undefined ? {} : { 'retry-after': String(fault.retryAfterSeconds) }), ...fault.headers };
      if (fault.html) return htmlAnswer(fault.status, 'Simulated error', headers);
      const failure = new ApiFailure(fault.status, fault.message ?? `Simulated ${errorType(fault.status)}.`, { errorCode: fault.errorCode, headers });
      return failureAnswer(failure, this.requestId);
    }
    const form = fault.kind === 'garbage' ? fault.form : undefined;
    const json = { status: 200, headers: { 'content-type': 'application/json' } };
    if (form === 'empty') return { ...json, body: '' };
    if (form === 'cut-json') return { ...json, body: answer && 'body' in answer ? answer.body.slice(0, answer.body.length / 2) : '{"id":"msgbatch_' };
    return htmlAnswer(200, 'OK');
  }

  private tookEffect(): void {
    this.context.events.emit('fault');
  }
}
