import { DataDirectory } from '../../../adapters/data-dir/data-directory.ts';
import { exitCodes } from '../../exit.ts';
import { newLogger } from '../../process/log.ts';
import { tellParent } from '../../process/process-messages.ts';
import { stopRequest } from '../../process/stop-request.ts';
import { plasmaSecurity } from '../security.ts';
import { serverSystem, ServingServer } from './serving-server.ts';
import { type ServerSettings } from './settings.ts';

/**
 * Runs a server of the control plane until it is asked to stop, or cannot go on.
 *
 * @returns the exit code
 * @throws ConfigError, DataDirError or StartError when it must not start
 */
export async function serveServer(settings: ServerSettings): Promise<number> {
  const log = newLogger(settings.logLevel, { system: serverSystem, node: settings.name });
  const security = plasmaSecurity(settings, { listen: settings.listen }, log);
  const stop = stopRequest();
  const directory = await DataDirectory.lock(settings.dataDir);
  let server: ServingServer;
  try {
    server = await ServingServer.open({ settings, security, directory, log });
  } catch (error) {
    await directory.release();
    throw error;
  }
  tellParent({ kind: 'listening' });
  server.start();
  void server.ready.then(() => {
    tellParent({ kind: 'ready' });
  });
  const end = await Promise.race([stop, server.failed]);
  if (typeof end === 'string') log.info({ reason: end }, 'stopping');
  await server.close();
  if (typeof end === 'string') log.info('stopped');
  return typeof end === 'string' ? 0 : exitCodes.failed;
}
