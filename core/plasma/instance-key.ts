import { type InstanceId } from './types.ts';

/** Two instances have the same key only if they are the same life of a process. */
export function instanceKey({ vm, fenceToken, pid, startTicks }: InstanceId): string {
  return `${vm}/${fenceToken}/${pid}/${startTicks}`;
}
