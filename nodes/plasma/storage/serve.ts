import { ConfigError } from '../../../adapters/config/resolve.ts';
import { DataDirectory } from '../../../adapters/data-dir/data-directory.ts';
import { exitCodes } from '../../exit.ts';
import { newLogger } from '../../process/log.ts';
import { tellParent } from '../../process/process-messages.ts';
import { stopRequest } from '../../process/stop-request.ts';
import { plasmaSecurity } from '../security.ts';
import { ServingStorage, storageSystem } from './serving-storage.ts';
import { type StorageSettings } from './settings.ts';

const anyHost = new Set(['0.0.0.0', '::']);
/** What a name has in a unix socket's address. */
const socketPathMax = 107;

/**
 * Runs a storage node until it is asked to stop, or cannot go on.
 *
 * @returns the exit code
 * @throws ConfigError, DataDirError or StartError when it must not start
 */
export async function serve(settings: StorageSettings): Promise<number> {
  const log = newLogger(settings.logLevel, { system: storageSystem, node: settings.name });
  const { listenNbd, advertisedNbd, advertise, nbdSocket } = settings;
  if (advertise === 'tcp' && advertisedNbd === undefined && anyHost.has(listenNbd.host)) {
    throw new ConfigError(
      `listen_nbd is ${listenNbd.host}, where nobody finds it from elsewhere: give advertised_nbd`,
    );
  }
  if (Buffer.byteLength(nbdSocket ?? '') > socketPathMax)
    throw new ConfigError(`nbd_socket is longer than ${socketPathMax} bytes, which a unix socket cannot be`);
  const security = plasmaSecurity(settings, { listen: settings.listen }, log);
  const stop = stopRequest();
  const directory = await DataDirectory.lock(settings.dataDir);
  let storage: ServingStorage;
  try {
    storage = await ServingStorage.open({ settings, security, directory, log });
  } catch (error) {
    await directory.release();
    throw error;
  }
  tellParent({ kind: 'listening' });
  storage.start();
  tellParent({ kind: 'ready' });
  const end = await Promise.race([stop, storage.failed]);
  if (typeof end === 'string') log.info({ reason: end }, 'stopping');
  await storage.close();
  if (typeof end === 'string') log.info('stopped');
  return typeof end === 'string' ? 0 : exitCodes.failed;
}
