import { type RestartPolicy } from '../../core/plasma/types.ts';
import { type EndedProcess } from './hypervisor-types.ts';

/** Whether what has ended so is to run again while nothing else is wanted of it; the simulator's own reading of the policies. */
export function startsAgainAfter(
  policy: RestartPolicy,
  { cause, deed }: Pick<EndedProcess, 'cause' | 'deed'>,
): boolean {
  if (deed === 'shutdown' && cause === 'guest-shutdown') return policy === 'always';
  return policy !== 'never';
}
