/** For tests of users: the Message Batches API on loopback, in one line. */
export { startSimulator } from '../simulator';
export type { Fault, Simulator, SimulatorOptions, SimulatorStats } from '../simulator';
