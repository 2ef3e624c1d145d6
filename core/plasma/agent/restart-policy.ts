import { type EndCause, type RestartPolicy } from '../types.ts';

/** Whether a virtual machine that is wanted to run is started again after its process has ended so, for the same wish. */
export function startsAgain(policy: RestartPolicy, cause: EndCause): boolean {
  switch (cause) {
    // It was not the guest's doing, and what is wanted has not changed.
    case 'lease-lost':
    case 'launch-failed':
      return true;
    // Another node has it.
    case 'migrated':
      return false;
    case 'guest-shutdown':
      return policy === 'always';
    case 'guest-reset':
    case 'guest-panic':
    case 'process-died':
    case 'killed':
    case 'unresponsive':
      return policy !== 'never';
  }
}

/** The end is that of the guest, which might end so again at once: a new start waits. */
export function waitsBeforeRestart(cause: EndCause): boolean {
  return cause !== 'lease-lost' && cause !== 'launch-failed';
}
