/** The workflows of your worker: the product's, and yours beside them. */
export * from 'temporal-message-batches/workflows';
export { gradeAnswer } from './follow-up';
export { nightlyGrading } from './from-another-workflow';
export { askAll } from './with-made-requests';
