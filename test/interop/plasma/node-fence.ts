import { join } from 'node:path';

import { WatchdogLink } from '../../../adapters/watchdog/watchdog-link.ts';
import { usPerSecond } from '../../../core/base/units.ts';
import { defaultAgentSettings } from '../../../core/plasma/agent/protocol.ts';
import { defaultControlPlaneSettings } from '../../../core/plasma/control-plane/settings.ts';
import { type InstanceId } from '../../../core/plasma/types.ts';
import { watchdogSocket } from '../../../nodes/plasma/watchdog/serve.ts';
import { type CloudNode } from './plasma-cloud.ts';

/** Linux shows times to programs in hundredths of a second, whatever it counts in. */
const ticksPerSecond = 100;

/**
 * When a must-stop virtual machine has surely ended on its node, if nothing more is heard there: the end of the lease, and the
 * time that killing may take. By the machine's clock; of the lease that the node's watchdog knows of, later ones end later.
 */
export async function stoppedByUs(node: CloudNode, instance: InstanceId): Promise<number> {
  const path = watchdogSocket(join(node.dataDir, 'watchdog'));
  const link = new WatchdogLink({ path, onMissing: () => undefined });
  try {
    const status = await link.request({ kind: 'status' }, 10_000);
    const guarded = status.kind === 'status' ? status.guarded : [];
    const one = guarded.find(({ instance: { pid } }) => pid === instance.pid);
    if (one === undefined) throw new Error(`nobody guards it: ${JSON.stringify(status)}`);
    return one.deadlineUs + defaultAgentSettings.watchdogMarginUs + defaultControlPlaneSettings.killTimeUs;
  } finally {
    link.close();
  }
}

/** When its process began, by the machine's clock; rounded up. */
export function startedAfterUs({ startTicks }: InstanceId): number {
  return (startTicks + 1) * (usPerSecond / ticksPerSecond);
}
