/** Which Temporal server the user's settings name, if any: TEMPORAL_* variables and the configuration file of Temporal's own tools. */
import { loadClientConnectConfig } from '@temporalio/envconfig';
import type { TLSConfig } from '@temporalio/common/lib/internal-non-workflow';
import { LocalError } from './local-error';

/** What both `Connection.connect` and `NativeConnection.connect` take. */
export interface TemporalConnectionOptions {
  address: string;
  tls?: TLSConfig | boolean | null;
  apiKey?: string;
  metadata?: Record<string, string>;
}

export interface TemporalSettings {
  connectionOptions: TemporalConnectionOptions;
  namespace: string;
}

export const DEFAULT_NAMESPACE = 'default';

/** @returns true where no settings name a server, so that the embedded one is used. @throws LocalError `temporal_settings` */
export function usesEmbeddedServer(env: NodeJS.ProcessEnv): boolean {
  return temporalSettings(env) === undefined;
}

/**
 * Reads the settings as Temporal's SDKs and CLI do (`@temporalio/envconfig`); empty variables count as unset.
 * @returns undefined where they name no address.
 * @throws LocalError `temporal_settings` where they cannot be read, or are meant for a server but do not say which.
 */
export function temporalSettings(env: NodeJS.ProcessEnv): TemporalSettings | undefined {
  const { connectionOptions, namespace } = load(env);
  const { address, tls, apiKey, metadata } = connectionOptions;
  if (address) {
    return { connectionOptions: { address, tls, apiKey, metadata: metadata as Record<string, string> | undefined }, namespace: namespace ?? DEFAULT_NAMESPACE };
  }
  const meantForAServer = [namespace !== undefined && namespace !== DEFAULT_NAMESPACE && 'a namespace', apiKey && 'an API key', typeof tls === 'object' && 'certificates'].filter(Boolean);
  if (meantForAServer.length === 0) return undefined;
  throw new LocalError(
    'temporal_settings',
    `The TEMPORAL_* settings name ${meantForAServer.join(' and ')}, but not the address of the Temporal server.`,
    'Set TEMPORAL_ADDRESS (host:port) or a profile that has one (TEMPORAL_PROFILE). To use the embedded server, remove those settings.',
  );
}

function load(env: NodeJS.ProcessEnv): ReturnType<typeof loadClientConnectConfig> {
  const overrideEnvVars = Object.fromEntries(Object.entries(env).flatMap(([name, value]) => (value ? [[name, value]] : [])));
  try {
    return loadClientConnectConfig({ overrideEnvVars });
  } catch (error) {
    throw new LocalError(
      'temporal_settings',
      `The settings of the Temporal server cannot be read: ${error instanceof Error ? error.message : String(error)}.`,
      'Mend the TEMPORAL_* variables or the file that TEMPORAL_CONFIG_FILE names (by default temporalio/temporal.toml in your configuration folder).',
      { cause: error },
    );
  }
}
