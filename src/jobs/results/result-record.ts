import type { MessageBatchIndividualResponse, MessageBatchResult } from '@anthropic-ai/sdk/resources/messages/batches';
import type { Outcome } from '../../contract';
import { StorageError } from '../../storage';
import { membersOf, trimJson } from '../json-members';
import { customIdOf } from './custom-id';
import type { InputRequest } from './input-requests';

/** What is known of a request beside its result. */
export interface RequestFacts {
  request?: InputRequest;
  /** Of a request without a result. */
  outcome?: Outcome;
}

/** A request of a job and its result. What is asked of the result's line is decoded when it is asked for, once. */
export class ResultRecord {
  private decoded: MessageBatchIndividualResponse | undefined;

  constructor(
    /** The API's own line, without its line feed; undefined where there is no result. */
    readonly line: Buffer | undefined,
    private readonly facts: RequestFacts = {},
  ) {}

  get customId(): string {
    return this.facts.request?.customId ?? (this.line && customIdOf(this.line)) ?? this.unreadable();
  }

  /** `missing` and `unsent` are those of requests without a result. */
  get outcome(): string {
    return this.line ? this.result!.type : (this.facts.outcome ?? 'missing');
  }

  /** As the API gave it; undefined where there is none. */
  get result(): MessageBatchResult | undefined {
    if (!this.line) return undefined;
    this.decoded ??= this.decode(this.line);
    return this.decoded.result;
  }

  /** The request's `params`, where requests were read. */
  get params(): unknown {
    return parsed(this.facts.request?.params);
  }

  /** The request's `metadata`, where requests were read. */
  get metadata(): unknown {
    return parsed(this.facts.request?.metadata);
  }

  /** `{"custom_id", "params", "metadata", "result"}` in pieces, the values byte for byte as they were sent and came. */
  joined(): Buffer[] {
    const { request } = this.facts;
    const begin = Buffer.from(`{"custom_id":${this.idJson()},"params":`);
    return [begin, request?.params ?? NULL, METADATA, request?.metadata ?? NULL, RESULT, this.resultBytes(), END];
  }

  /** The API's line, or one of the same form that says `missing` or `unsent`. */
  lineOrSubstitute(): Buffer {
    return this.line ?? Buffer.concat([Buffer.from(`{"custom_id":${this.idJson()},"result":`), this.resultBytes(), END]);
  }

  private idJson(): string {
    return this.facts.request?.ownId?.toString() ?? JSON.stringify(this.customId);
  }

  private resultBytes(): Buffer {
    if (!this.line) return Buffer.from(JSON.stringify({ type: this.outcome }));
    const bytes = trimJson(this.line);
    const member = membersOf(bytes).findLast(({ key }) => key === 'result');
    return member ? bytes.subarray(member.start, member.end) : this.unreadable();
  }

  private decode(line: Buffer): MessageBatchIndividualResponse {
    try {
      const value = JSON.parse(line.toString('utf8')) as MessageBatchIndividualResponse;
      if (typeof value.result.type === 'string') return value;
    } catch {
      // Says the same below.
    }
    return this.unreadable();
  }

  private unreadable(): never {
    const id = this.line && customIdOf(this.line);
    const which = id === undefined ? 'A line' : `The line of ${JSON.stringify(id)}`;
    throw new StorageError('damaged', 'results.jsonl', `${which} in results.jsonl is no result: it is not JSON. The API gave it so, or somebody changed it.`, '`--format jsonl` prints all lines as they are.');
  }
}

const NULL = Buffer.from('null');
const METADATA = Buffer.from(',"metadata":');
const RESULT = Buffer.from(',"result":');
const END = Buffer.from('}');

function parsed(json: Buffer | undefined): unknown {
  return json && (JSON.parse(json.toString('utf8')) as unknown);
}
