import { startEmbeddedServer } from './embedded-server';
import type { Home } from './home';
import type { Say } from './say';
import { DEFAULT_NAMESPACE, temporalSettings } from './temporal-settings';
import type { TemporalConnectionOptions } from './temporal-settings';

/** The Temporal server to work with. */
export interface TemporalConnection {
  /** For `Connection.connect` and `NativeConnection.connect`. */
  connectionOptions: TemporalConnectionOptions;
  address: string;
  namespace: string;
  embedded: boolean;
  /** Known of the embedded server only. */
  webUiUrl?: string;
}

/**
 * The server that the TEMPORAL_* settings name, which is not contacted here; where they name none, the embedded
 * server, which is started where it does not run.
 * @throws LocalError
 */
export async function temporalConnection(home: Home, env: NodeJS.ProcessEnv, say: Say): Promise<TemporalConnection> {
  const settings = temporalSettings(env);
  if (settings) return { ...settings, address: settings.connectionOptions.address, embedded: false };
  const { address, webUiUrl } = await startEmbeddedServer(home, env, say);
  return { connectionOptions: { address }, address, namespace: DEFAULT_NAMESPACE, embedded: true, webUiUrl };
}
