export { prepareRequests, type Prepared, type PrepareOptions, type RowProblem } from './prepare-requests';
export type { MissingValues } from './request-maker';
export type { RowFormat } from './row-format';
