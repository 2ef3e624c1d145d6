import { GossipError } from '../../adapters/swim/gossip-error.ts';
import { bytesPerMib } from '../../core/base/units.ts';
import { type Logger } from 'pino';

import { exitCodes, ExitError } from '../exit.ts';
import { DirectoryHome } from './directory-home.ts';
import { NobodyAnswers } from './introductions.ts';
import { newLogger } from '../process/log.ts';
import { checkSettings, openMember, type OpenMemberOptions, type CheckedSettings } from './open-member.ts';
import { tellParent } from '../process/process-messages.ts';
import { type ServingMember } from './serving-member.ts';
import { type ChainfireSettings } from './settings.ts';
import { chainfireSystem } from './system.ts';
import { stopRequest } from '../process/stop-request.ts';
import { boundYoungGeneration } from '../process/young-generation.ts';

const youngGenerationBytes = 16 * bytesPerMib;

/**
 * Runs a member until it is asked to stop, or cannot go on.
 *
 * @returns the exit code
 * @throws ConfigError, DataDirError or StartError when it must not start
 */
export async function serve(settings: ChainfireSettings): Promise<number> {
  const log = newLogger(settings.logLevel, { system: chainfireSystem, member: settings.name });
  const checked = checkSettings(settings, log);
  boundYoungGeneration(youngGenerationBytes);
  const stop = stopRequest();
  const stopped = new AbortController();
  void stop.then(() => stopped.abort());
  const { listenClient: clients, listenPeer: peers, listenMetrics: metrics } = settings;
  const member = await opened(checked, {
    ports: { clients, peers, metrics },
    home: await DirectoryHome.lock(settings.dataDir),
    log,
    processMetrics: true,
    stopped: stopped.signal,
  });
  if (member !== undefined) return runUntil(stop, member, log);
  log.info({ reason: await stop }, 'stopped before the cluster was found');
  return 0;
}

async function opened(
  checked: CheckedSettings,
  options: OpenMemberOptions,
): Promise<ServingMember | undefined> {
  try {
    return await openMember(checked, options);
  } catch (error) {
    if (!(error instanceof NobodyAnswers) && !(error instanceof GossipError)) throw error;
    throw new ExitError(`photon chainfire serve: ${error.message}`, exitCodes.failed, { cause: error });
  }
}

/** Runs the member until it is to stop, or cannot go on. @returns the exit code */
async function runUntil(stop: Promise<string>, member: ServingMember, log: Logger): Promise<number> {
  try {
    tellParent({ kind: 'listening' });
    let told = false;
    member.onLeaderChanged = (leader) => {
      if (told || leader === 0) return;
      told = true;
      tellParent({ kind: 'ready' });
    };
    member.start();
    const end = await Promise.race([stop, member.failed]);
    // To start a member again that was removed does not help.
    if (typeof end !== 'string') return end.kind === 'machineStopped' ? exitCodes.refused : exitCodes.failed;
    log.info({ reason: end }, 'stopping');
    await member.stop();
    // Not behind a failure: the last line is the one that people and supervisors look at.
    log.info('stopped');
    return 0;
  } finally {
    await member.close();
  }
}
