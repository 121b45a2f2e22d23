/** What belongs to this machine: the home folder, the embedded Temporal server, background processes. */
export { type Home, openHome } from './home';
export { LocalError, type LocalErrorCode } from './local-error';
export type { Say } from './say';
export { channelArgs } from './client-channel';
export { freeBytes } from './disk-space';
export { type TemporalConnection, temporalConnection } from './temporal-connection';
export { type TemporalConnectionOptions, usesEmbeddedServer } from './temporal-settings';
export { findTemporalCli, type FindOptions, type TemporalCli, type TemporalCliSource } from './temporal-cli';
export { embeddedServer, type ServerInfo, startEmbeddedServer, stopEmbeddedServer } from './embedded-server';
export { type BackgroundProcess, runningBackground, startBackground, type StartBackgroundOptions, stopBackground } from './background';
export { announceReady } from './readiness-handshake';
export { ensureSimulator, type SimulatorOptions } from './background-simulator';
export { productVersion } from './product-version';
