import { join } from 'node:path';

import { ConfigError } from '../../../adapters/config/resolve.ts';
import { DataDirectory } from '../../../adapters/data-dir/data-directory.ts';
import { exitCodes } from '../../exit.ts';
import { newLogger } from '../../process/log.ts';
import { tellParent } from '../../process/process-messages.ts';
import { stopRequest } from '../../process/stop-request.ts';
import { plasmaSecurity } from '../security.ts';
import { socketPathBytesMax, watchdogSocket } from '../watchdog/serve.ts';
import { agentSystem, ServingAgent } from './serving-agent.ts';
import { type AgentProcessSettings } from './settings.ts';

/**
 * Runs an agent until it is asked to stop, or cannot go on.
 *
 * @returns the exit code
 * @throws ConfigError, DataDirError or StartError when it must not start
 */
export async function serveAgent(settings: AgentProcessSettings): Promise<number> {
  const log = newLogger(settings.logLevel, { system: agentSystem, node: settings.name });
  const { listen, migrationHost, dataDir } = settings;
  const security = plasmaSecurity(settings, { listen }, log);
  if (security.listen === undefined)
    plasmaSecurity(settings, { migration_host: { host: migrationHost, port: 0 } }, log);
  const socket = watchdogSocket(join(dataDir, 'watchdog'));
  if (Buffer.byteLength(socket) > socketPathBytesMax) {
    throw new ConfigError(
      `data_dir is too long: the socket ${socket} must not have more than ${socketPathBytesMax} bytes`,
    );
  }
  const stop = stopRequest();
  const directory = await DataDirectory.lock(dataDir);
  let agent: ServingAgent;
  try {
    agent = await ServingAgent.open({ settings, security, directory, log });
  } catch (error) {
    await directory.release();
    throw error;
  }
  tellParent({ kind: 'listening' });
  agent.start();
  void agent.ready.then(() => {
    tellParent({ kind: 'ready' });
  });
  const end = await Promise.race([stop, agent.failed]);
  if (typeof end === 'string') log.info({ reason: end, vms: settings.onStop }, 'stopping');
  await agent.close();
  if (typeof end === 'string') log.info('stopped');
  return typeof end === 'string' ? 0 : exitCodes.failed;
}
