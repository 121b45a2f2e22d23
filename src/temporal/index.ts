export { firstWorkflowTask, type FailingWorkflowTask, type FirstWorkflowTask } from './first-workflow-task';
export { isNotFound } from './not-found';
export { decodePayloads, type Payload } from './payloads';
export { hasWorker, isFresh, readPollers, type Poller } from './pollers';
export { timeOf } from './timestamps';
