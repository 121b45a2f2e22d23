/**
 * The failure converter of the product's workers. Not exported from this room: workers name this file, so that the bundle has it.
 */
import { DefaultFailureConverter, TemporalFailure } from '@temporalio/common';
import type { PayloadConverter } from '@temporalio/common';

/**
 * Reads failures of which some cannot be decoded, as those of a follow-up whose worker has a codec of its own: of these the details are left
 * out, and an encoded message stays what stands in its place. Of one that lacks what its kind should have, the message is kept. The default
 * throws, which in a workflow it does for ever. What it writes is what the default writes.
 */
class ForbearingFailureConverter extends DefaultFailureConverter {
  override failureToError(...[failure, payloadConverter, context]: Parameters<DefaultFailureConverter['failureToError']>): Error {
    try {
      // Causes come through here too, each on its own.
      return super.failureToError(failure, forbearing(payloadConverter), context);
    } catch {
      const error = new TemporalFailure(failure.message ?? undefined);
      // Not where it was made here: how large a failure is decides what a shard starts, the same with every bundle.
      error.stack = failure.stackTrace ?? '';
      return error;
    }
  }
}

function forbearing(converter: PayloadConverter): PayloadConverter {
  return {
    toPayload: (...of) => converter.toPayload(...of),
    fromPayload: (payload, context, hint) => {
      try {
        return converter.fromPayload(payload, context, hint);
      } catch {
        return undefined as never;
      }
    },
  };
}

export const failureConverter = new ForbearingFailureConverter();
