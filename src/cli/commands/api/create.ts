import type { Command } from 'commander';
import type { ApiHooks, CreateBody } from '../../../api';
import { CliError } from '../../cli-error';
import type { CommandContext } from '../../command';
import { action, newCommand } from '../../command';
import { counted } from '../../display/rendering';
import { ExitCode } from '../../exit-codes';
import { apiAccount, apiCommandLine, withApi } from './call';
import { lookForBatch } from './call-failure';
import { addBodyFieldOption, addCallOptions, bodyFieldsOf, callOptionsOf } from './call-options';
import type { ApiCommandOptions, BodyFieldOptions } from './call-options';
import { openCreateInput } from './create-input';
import type { CreateInput } from './create-input';
import { printBatch } from './print';

interface CreateCommandOptions extends ApiCommandOptions, BodyFieldOptions {}

export function apiCreateCommand(): Command {
  const command = newCommand('create', 'Create one batch, and pay for it. Never sent twice: where nobody knows whether a batch was made, it says so (exit code 4).', [
    'message-batches api create requests.jsonl --simulate',
    'message-batches api create body.json --json | jq -r .id',
    'make-requests | message-batches api create -',
  ]).argument('<file>', 'JSONL with a request a line, or a whole body {"requests": [...]}, plain or .gz; "-" reads standard input');
  return addBodyFieldOption(addCallOptions(command, 'when the create must be over, its body not sent whole after that (default: 10m)')).action(action(create));
}

async function create(context: CommandContext, file: string, options: CreateCommandOptions): Promise<ExitCode> {
  const { out, home } = context;
  const bodyFields = bodyFieldsOf(options);
  // What is wrong with the options or the key is said before a pipe is read.
  callOptionsOf(options);
  apiAccount(context, options);
  await using input = await openCreateInput(file, home.folder);
  if (input.isBody && bodyFields) throw new CliError('usage', `${input.name} is a whole body, to which --body-field adds nothing.`, { hint: 'Nothing was sent. Write the field into the body.' });
  await announce(context, input, options);

  const sending = new Sending(input);
  const commandLine = (...words: string[]) => apiCommandLine(options, ...words);
  const stopped = () =>
    sending.mayBeWhole
      ? { code: 'outcome_unknown', exitCode: ExitCode.attention, message: 'Stopped after the whole body was sent, before an answer came: whether a batch was made is unknown.', hint: lookForBatch({ commandLine }) }
      : { code: 'stopped', message: 'Stopped before the whole body was sent: no batch was made.', hint: 'The same command begins again.' };
  const batch = await withApi(context, { name: 'create', hooks: sending.hooks, stopped }, options, async (api, call) => {
    const { data } = await api.create(sending.body, { ...call, bodyFields });
    // At once, while no signal can end the process: nobody else knows the id of what was paid for.
    await printBatch(out, data, options);
    return data;
  });
  out.say(`The batch is outside of any job, so nothing here remembers it. Keep its id.\nLook at it:   ${commandLine('retrieve', batch.id)}\nWhen ended:   ${commandLine('results', batch.id)}`);
  return ExitCode.ok;
}

/** Says what will be sent, before it is. */
async function announce(context: CommandContext, input: CreateInput, options: CreateCommandOptions): Promise<void> {
  const rendering = await context.out.progressRendering();
  const what = input.requests === undefined ? 'a whole body' : counted(input.requests, 'request', rendering);
  const to = options.simulate ? 'the simulator' : apiAccount(context, options).baseUrl;
  context.out.say(`Sending: ${what}, ${rendering.formats.bytes(input.bytes)}, to ${to}`);
}

/** The body on its way. Knows at each moment whether a batch may have been made: the client cannot send what it was not given. */
class Sending {
  #stands: 'before' | 'begun' | 'whole' = 'before';
  readonly hooks: Pick<ApiHooks, 'onRequest' | 'onResponse' | 'onRetry'> = {
    onRequest: () => {
      this.#stands = 'begun';
    },
    // Whoever answers with a success has made a batch, or may have, however little was sent.
    onResponse: ({ status }) => {
      if (status >= 200 && status < 300) this.#stands = 'whole';
    },
    // An attempt is only made again where the one before is known to have made no batch.
    onRetry: () => {
      this.#stands = 'before';
    },
  };

  constructor(private readonly input: CreateInput) {}

  get body(): CreateBody {
    const { isBody, bytes } = this.input;
    // Without `bytes` every line is checked before anything is sent.
    return isBody ? { contentLength: bytes, chunks: () => this.#chunks() } : { jsonl: () => this.#chunks() };
  }

  get mayBeWhole(): boolean {
    return this.#stands === 'whole';
  }

  /** Its end, not a count, says that the client has all: the file may have another length by now. The client sends no last byte before it. */
  async *#chunks(): AsyncGenerator<Uint8Array> {
    yield* this.input.chunks();
    if (this.#stands === 'begun') this.#stands = 'whole';
  }
}
