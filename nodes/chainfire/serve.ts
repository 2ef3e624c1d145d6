import { randomBytes } from 'node:crypto';
import { type Logger } from 'pino';

import { ConfigError } from '../../adapters/config/resolve.ts';
import { type Dial } from '../../adapters/peer/link.ts';
import { type PeerIdentity } from '../../adapters/peer/protocol.ts';
import { GossipError } from '../../adapters/swim/gossip-error.ts';
import { bytesPerMib } from '../../core/base/units.ts';
import { exitCodes, ExitError } from '../exit.ts';
import { autoCompactionOptions } from './auto-compaction.ts';
import { checkClusterSettings, type ClusterPlace, findPlace, NoPlaceError } from './cluster-place.ts';
import { DirectoryHome } from './directory-home.ts';
import { type Discovery, DiscoveryError } from './discovery.ts';
import { Introductions, NobodyAnswers } from './introductions.ts';
import { newLogger } from './log.ts';
import { type MemberHome } from './member-home.ts';
import { type ProcessMessage } from './process-messages.ts';
import { ServingMember, type ServingMemberParts } from './serving-member.ts';
import { type ChainfireSettings } from './settings.ts';
import { gossipSecret, startDiscovery } from './start-discovery.ts';
import { StartError } from './start-error.ts';
import { stopRequest } from './stop-request.ts';
import { transportSecurity } from './transport-security.ts';
import { tokenProvider } from './token-provider.ts';
import { boundYoungGeneration } from './young-generation.ts';

const youngGenerationBytes = 16 * bytesPerMib;

/**
 * Runs a member until it is asked to stop, or cannot go on.
 *
 * @returns the exit code
 * @throws ConfigError, DataDirError or StartError when it must not start
 */
export async function serve(settings: ChainfireSettings): Promise<number> {
  checkClusterSettings(settings);
  if (settings.heartbeatIntervalMs * 3 > settings.electionTimeoutMs) {
    throw new ConfigError(
      `heartbeat_interval_ms is ${settings.heartbeatIntervalMs}, it must be at most a third of election_timeout_ms (${settings.electionTimeoutMs})`,
    );
  }
  // Before anything is written: it throws where the two do not go together.
  autoCompactionOptions(settings);
  const log = newLogger(settings);
  const security = transportSecurity(settings, log);
  const secret = gossipSecret(settings);
  boundYoungGeneration(youngGenerationBytes);
  const tokens = tokenProvider(settings);
  const stop = stopRequest();
  const directory = await DirectoryHome.lock(settings.dataDir);
  let discovery: Discovery | undefined;
  try {
    discovery = await startDiscovery(settings, { log, secret });
    const stopped = new AbortController();
    const { dial } = security;
    const finding = placeOf({ settings, directory, discovery, log, dial, stopped: stopped.signal });
    const place = await Promise.race([finding, stop]);
    stopped.abort();
    if (typeof place === 'string') {
      log.info({ reason: place }, 'stopped before the cluster was found');
      await discovery?.leave();
      return 0;
    }
    const own: PeerIdentity = {
      clusterId: place.clusterId,
      id: place.id,
      bootId: randomBytes(8).toString('hex'),
      address: place.address,
    };
    const { listenClient: clients, listenPeer: peers, listenMetrics: metrics } = settings;
    const ports = { clients, peers, metrics };
    return await runUntil(stop, {
      ...{ settings, ports, security, place, own, directory, discovery, tokens, log, processMetrics: true },
    });
  } finally {
    await discovery?.stop();
    await directory.release();
  }
}

interface PlaceParts {
  readonly settings: ChainfireSettings;
  readonly directory: MemberHome;
  readonly discovery: Discovery | undefined;
  readonly log: Logger;
  readonly dial: Dial;
  readonly stopped: AbortSignal;
}

async function placeOf({ dial, ...parts }: PlaceParts): Promise<ClusterPlace> {
  try {
    const introductions = new Introductions(dial, parts.log, parts.stopped);
    return await findPlace({ ...parts, introductions });
  } catch (error) {
    if (error instanceof NoPlaceError || error instanceof DiscoveryError)
      throw new StartError(error.message, { cause: error });
    if (!(error instanceof NobodyAnswers) && !(error instanceof GossipError)) throw error;
    throw new ExitError(`photon chainfire serve: ${error.message}`, exitCodes.failed, { cause: error });
  }
}

/** Runs the member until it is to stop, or cannot go on. @returns the exit code */
async function runUntil(stop: Promise<string>, parts: ServingMemberParts): Promise<number> {
  const { log } = parts;
  const serving = await ServingMember.open(parts);
  try {
    tellParent({ kind: 'listening' });
    let told = false;
    serving.onLeaderChanged = (leader) => {
      if (told || leader === 0) return;
      told = true;
      tellParent({ kind: 'ready' });
    };
    serving.start();
    const end = await Promise.race([stop, serving.failed]);
    if (typeof end !== 'string') {
      if (end.kind !== 'machineStopped') return exitCodes.failed;
      // It was removed: to start it again does not help.
      await parts.discovery?.leave();
      return exitCodes.refused;
    }
    log.info({ reason: end }, 'stopping');
    await serving.stop();
    // Not behind a failure: the last line is the one that people and supervisors look at.
    log.info('stopped');
    return 0;
  } finally {
    await serving.close();
  }
}

function tellParent(message: ProcessMessage): void {
  if (process.connected !== true) return;
  // A parent that went a moment ago: `disconnect` follows and stops this process in order. Without somebody to take it,
  // the failure would end it here.
  process.send?.(message, undefined, undefined, () => undefined);
}
