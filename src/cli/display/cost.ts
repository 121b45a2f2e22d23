import type { JobCost } from '../../contract';
import { dollars } from './money';

/** `$3.20 of $20.00 · $1.10 set aside for what runs · about $14.00 to $18.00 in all`. */
export function costLine({ spent, reserved, cap, estimated }: JobCost): string {
  const parts = [cap === undefined ? `${dollars(spent)} spent` : `${dollars(spent)} of ${dollars(cap)}`];
  if (reserved > 0) parts.push(`${dollars(reserved)} set aside for what runs`);
  if (estimated) {
    const [low, high] = [dollars(estimated.low), dollars(estimated.high)];
    parts.push(low === high ? `about ${low} in all` : `about ${low} to ${high} in all`);
  }
  return parts.join(' · ');
}
