import { readFileSync } from 'node:fs';
import { type Logger } from 'pino';

import { ConfigError } from '../../adapters/config/resolve.ts';
import { GossipError } from '../../adapters/swim/gossip-error.ts';
import { Discovery } from './discovery.ts';
import { discoveryPlaces } from './discovery-settings.ts';
import { type GossipEvent } from './gossip-events.ts';
import { type ChainfireSettings } from './settings.ts';
import { StartError } from '../process/start-error.ts';

const secretBytesMin = 32;

/** @throws ConfigError naming the file that is no key; undefined where none is given */
export function gossipSecret({ gossipKeyFile }: ChainfireSettings): Uint8Array | undefined {
  if (gossipKeyFile === undefined) return undefined;
  let secret: Buffer;
  try {
    secret = readFileSync(gossipKeyFile);
  } catch (error) {
    throw new ConfigError(`cannot read gossip_key_file ${gossipKeyFile}: ${(error as Error).message}`, {
      cause: error,
    });
  }
  if (secret.length >= secretBytesMin) return secret;
  throw new ConfigError(
    `gossip_key_file ${gossipKeyFile} holds ${secret.length} bytes, it must hold at least ${secretBytesMin}: ` +
      `openssl rand -out ${gossipKeyFile} ${secretBytesMin}`,
  );
}

/** Gossip as the settings want it; undefined where they want none. @throws StartError when its address cannot be had */
export async function startDiscovery(
  settings: ChainfireSettings,
  options: {
    readonly log: Logger;
    readonly secret: Uint8Array | undefined;
    readonly onEvent?: (event: GossipEvent) => void;
  },
): Promise<Discovery | undefined> {
  const { discoverySeeds } = settings;
  if (discoverySeeds === undefined) return undefined;
  const { log, secret, onEvent } = options;
  if (secret === undefined && settings.peerCertFile !== undefined)
    log.warn('members speak TLS, but gossip is not signed: give gossip_key_file');
  const { peer, client, listen, gossip } = discoveryPlaces(settings);
  try {
    return await Discovery.start({
      ...{ name: settings.name, peer, client, listen, advertise: gossip },
      ...{ seeds: discoverySeeds, token: settings.initialClusterToken, secret, log },
      ...(onEvent === undefined ? {} : { onEvent }),
    });
  } catch (error) {
    if (!(error instanceof GossipError)) throw error;
    throw new StartError(error.message, { cause: error });
  }
}
