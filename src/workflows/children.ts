import { CancellationScope } from '@temporalio/workflow';
import type { ChildWorkflowHandle, Workflow, WorkflowResultType } from '@temporalio/workflow';

/**
 * Children that are canceled together. One that is just being started is canceled once it has started: it is then certain that
 * it was, and its end is seen. To be used in a scope that is not canceled itself.
 */
export class Children {
  isCanceled = false;
  private readonly started = new Set<CancellationScope>();

  cancel(): void {
    this.isCanceled = true;
    for (const scope of this.started) scope.cancel();
  }

  /**
   * Starts a child and waits for its end.
   * @throws what starting throws, or the failure of the child.
   */
  async run<T extends Workflow>(start: () => Promise<ChildWorkflowHandle<T>>): Promise<WorkflowResultType<T>> {
    const scope = new CancellationScope();
    const child = await scope.run(start);
    this.started.add(scope);
    if (this.isCanceled) scope.cancel();
    try {
      return await child.result();
    } finally {
      this.started.delete(scope);
    }
  }
}
