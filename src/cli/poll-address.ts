/** Where a worker of the user's own has to poll, so that it serves follow-ups of this home. */
import type { TemporalConnection } from '../local';

/** As it is set for Temporal's own programs: `TEMPORAL_ADDRESS=127.0.0.1:7233`, and the namespace where it is another than the default. */
export function pollAddress({ address, namespace }: Pick<TemporalConnection, 'address' | 'namespace'>): string {
  return `TEMPORAL_ADDRESS=${address}${namespace === 'default' ? '' : ` TEMPORAL_NAMESPACE=${namespace}`}`;
}
