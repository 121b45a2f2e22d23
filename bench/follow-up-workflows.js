'use strict';
// Workflows of the comparison: a follow-up that does nothing, and a parent without anything around it.
const { executeChild, ParentClosePolicy } = require('@temporalio/workflow');

exports.emptyFollowUp = async function emptyFollowUp() {
  return { ok: true };
};

/** Starts `count` children side by side, never more than `window` at once, each with an input like that of a follow-up. */
exports.bareParent = async function bareParent({ count, window, taskQueue, prefix, input }) {
  let next = 0;
  const runner = async () => {
    while (next < count) {
      const number = next++;
      await executeChild('emptyFollowUp', { workflowId: `${prefix}-${number}`, taskQueue, args: [{ ...input, customId: `question-${number}` }], parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL });
    }
  };
  await Promise.all(Array.from({ length: window }, runner));
};
