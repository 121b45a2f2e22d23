/** A local server that speaks the Message Batches API, with faults on demand. */
export { startSimulator, type Simulator } from './simulator';
export type { AdjustableOptions, SimulatorOptions } from './options';
export type { AcceptedBatch, SimulatorStats } from './stats';
export type { Call, Fault, FaultKind, FaultTarget, LineChange, RedirectStatus, When } from './faults';
export type { EventName } from './events';
export type { SentResults } from './sent-results';
export { SIMULATION_HEADER } from './server';
