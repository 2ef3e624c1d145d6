import { type Logger } from 'pino';

import { ConfigError } from '../../adapters/config/resolve.ts';
import { DataDirectory } from '../../adapters/data-dir/data-directory.ts';
import { FileUsers } from '../../adapters/kafka/sasl/users-file.ts';
import { bytesPerMib } from '../../core/base/units.ts';
import { exitCodes } from '../exit.ts';
import { newLogger } from '../process/log.ts';
import { tellParent } from '../process/process-messages.ts';
import { collectSeldom } from '../process/buffer-memory.ts';
import { stopRequest } from '../process/stop-request.ts';
import { transportSecurity } from '../process/transport-security.ts';
import { boundYoungGeneration } from '../process/young-generation.ts';
import { chronikSystem, placeInCluster } from './cluster.ts';
import { endpointsOf } from './endpoints.ts';
import { ServingBroker, type ServingBrokerParts } from './serving-broker.ts';
import { type ChronikSettings } from './settings.ts';

const youngGenerationBytes = 32 * bytesPerMib;

/**
 * Runs a broker until it is asked to stop, or cannot go on.
 *
 * @returns the exit code
 * @throws ConfigError, DataDirError or StartError when it must not start
 */
export async function serve(settings: ChronikSettings): Promise<number> {
  const log = newLogger(settings.logLevel, { system: chronikSystem, broker: settings.name });
  const checked = await check(settings, log);
  boundYoungGeneration(youngGenerationBytes);
  collectSeldom();
  const stop = stopRequest();
  const directory = await DataDirectory.lock(settings.dataDir);
  let broker: ServingBroker;
  try {
    broker = await ServingBroker.open({ ...checked, settings, directory, log });
  } catch (error) {
    await directory.release();
    throw error;
  }
  tellParent({ kind: 'listening' });
  broker.onReady = () => tellParent({ kind: 'ready' });
  broker.start();
  const end = await Promise.race([stop, broker.failed]);
  if (typeof end !== 'string') {
    await broker.close();
    // To start a broker again that was told to stop does not help.
    return end.kind === 'machineStopped' ? exitCodes.refused : exitCodes.failed;
  }
  log.info({ reason: end }, 'stopping');
  await broker.stop();
  log.info('stopped');
  return 0;
}

/** What the settings say by themselves, with the files that they name, before anything is made. @throws ConfigError */
async function check(
  settings: ChronikSettings,
  log: Logger,
): Promise<Pick<ServingBrokerParts, 'security' | 'place' | 'firstUsers'>> {
  const { heartbeatIntervalMs, electionTimeoutMs, saslUsersFile, minInsyncReplicas, listenClient } = settings;
  if (heartbeatIntervalMs * 3 > electionTimeoutMs) {
    throw new ConfigError(
      `heartbeat_interval_ms is ${heartbeatIntervalMs}, it must be at most a third of election_timeout_ms (${electionTimeoutMs})`,
    );
  }
  const place = placeInCluster(settings);
  const replicas = Math.min(settings.defaultReplicationFactor, place.brokers.length);
  if (minInsyncReplicas > replicas) {
    throw new ConfigError(
      `min_insync_replicas is ${minInsyncReplicas}, and topics have ${replicas} replicas where their creators do not say: nothing could be written to them`,
    );
  }
  endpointsOf(listenClient, settings.advertisedClient);
  const security = transportSecurity(settings, chronikSystem, log);
  const overTls = listenClient.find(({ protocol }) => protocol === 'SSL' || protocol === 'SASL_SSL');
  if (overTls !== undefined && security.clients === undefined) {
    throw new ConfigError(`the listener ${overTls.name} speaks TLS: it needs cert_file and key_file`);
  }
  if (overTls === undefined && security.clients !== undefined) {
    throw new ConfigError('cert_file is for clients over TLS, and listen_client has no such listener');
  }
  try {
    return {
      place,
      security,
      firstUsers: saslUsersFile === undefined ? undefined : await FileUsers.read(saslUsersFile),
    };
  } catch (error) {
    throw new ConfigError((error as Error).message, { cause: error });
  }
}
