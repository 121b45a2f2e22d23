import { CancellationScope, getExternalWorkflowHandle } from '@temporalio/workflow';
import type { ChildWorkflowHandle, Workflow, WorkflowResultType } from '@temporalio/workflow';

/**
 * Children that are canceled together. One that is just being started is canceled once it has started: it is then certain that
 * it was, and its end is seen. To be used in a scope that is not canceled itself.
 */
export class Children {
  isCanceled = false;
  private readonly started = new Set<string>();

  cancel(): void {
    this.isCanceled = true;
    for (const workflowId of this.started) void cancelById(workflowId);
  }

  /**
   * Starts a child and waits for its end.
   * @throws what starting throws, or the failure of the child.
   */
  async run<T extends Workflow>(start: () => Promise<ChildWorkflowHandle<T>>): Promise<WorkflowResultType<T>> {
    const child = await start();
    const { workflowId } = child;
    this.started.add(workflowId);
    if (this.isCanceled) void cancelById(workflowId);
    try {
      return await child.result();
    } finally {
      this.started.delete(workflowId);
    }
  }
}

/**
 * Cancels the run of a workflow that is open now. The cancel of a scope would go to the run that was started, which the server takes
 * without a word where that has continued as new.
 *
 * @returns whether one was open. One that has just ended needs no cancel.
 */
export async function cancelById(workflowId: string): Promise<boolean> {
  return CancellationScope.nonCancellable(() => getExternalWorkflowHandle(workflowId).cancel()).then(
    () => true,
    () => false,
  );
}
