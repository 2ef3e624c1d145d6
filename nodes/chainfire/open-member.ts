import { randomBytes } from 'node:crypto';
import { type Logger } from 'pino';

import { type RequestAuthorizer } from '../../adapters/auth/authorizer.ts';
import { type TokenProvider } from '../../adapters/auth/token-provider.ts';
import { ConfigError } from '../../adapters/config/resolve.ts';
import { autoCompactionOptions } from './auto-compaction.ts';
import { checkClusterSettings, type ClusterPlace, findPlace, NoPlaceError } from './cluster-place.ts';
import { type Discovery, DiscoveryError } from './discovery.ts';
import { type GossipEvent } from './gossip-events.ts';
import { Introductions } from './introductions.ts';
import { type MemberHome } from './member-home.ts';
import { type MemberPorts } from './member-listeners.ts';
import { ServingMember } from './serving-member.ts';
import { type ChainfireSettings } from './settings.ts';
import { chainfireSystem } from './system.ts';
import { gossipSecret, startDiscovery } from './start-discovery.ts';
import { StartError } from '../process/start-error.ts';
import { tokenProvider } from './token-provider.ts';
import { type TransportSecurity, transportSecurity } from '../process/transport-security.ts';

/** Settings that go together, with what they name: certificates, keys. */
export interface CheckedSettings {
  readonly settings: ChainfireSettings;
  readonly security: TransportSecurity;
  readonly gossipSecret: Uint8Array | undefined;
  readonly tokens: TokenProvider;
}

/** What the settings say by themselves, before anything is made. @throws ConfigError */
export function checkSettings(settings: ChainfireSettings, log: Logger): CheckedSettings {
  checkClusterSettings(settings);
  if (settings.heartbeatIntervalMs * 3 > settings.electionTimeoutMs) {
    throw new ConfigError(
      `heartbeat_interval_ms is ${settings.heartbeatIntervalMs}, it must be at most a third of election_timeout_ms (${settings.electionTimeoutMs})`,
    );
  }
  // It throws where the two do not go together.
  autoCompactionOptions(settings);
  return {
    settings,
    security: transportSecurity(settings, chainfireSystem, log),
    gossipSecret: gossipSecret(settings),
    tokens: tokenProvider(settings),
  };
}

export interface OpenMemberOptions {
  readonly ports: MemberPorts;
  /** Released when the member is closed, or cannot be opened. */
  readonly home: MemberHome;
  readonly log: Logger;
  readonly processMetrics: boolean;
  /** Decides beside users and roles, and before them; undefined: they alone do. */
  readonly authorizer?: RequestAuthorizer | undefined;
  /** Ends the search for the cluster. */
  readonly stopped: AbortSignal;
  readonly onGossip?: (event: GossipEvent) => void;
}

/**
 * From settings to a member that is recovered and listens; it is still to be started.
 *
 * @returns undefined when it was stopped before its cluster was found
 * @throws ConfigError, DataDirError or StartError when it must not start, NobodyAnswers or GossipError when trying again may help
 */
export async function openMember(
  checked: CheckedSettings,
  options: OpenMemberOptions,
): Promise<ServingMember | undefined> {
  const { settings, security, tokens } = checked;
  const { home, ports, log, processMetrics, authorizer, onGossip } = options;
  let discovery: Discovery | undefined;
  try {
    discovery = await startDiscovery(settings, {
      ...{ log, secret: checked.gossipSecret },
      ...(onGossip === undefined ? {} : { onEvent: onGossip }),
    });
    const place = await placeOf(checked, discovery, options);
    if (place === undefined) {
      await discovery?.leave();
      await discovery?.stop();
      await home.release();
      return undefined;
    }
    const { clusterId, id, address } = place;
    const own = { clusterId, id, bootId: randomBytes(8).toString('hex'), address };
    return await ServingMember.open({
      ...{ settings, ports, security, place, own, home, discovery, tokens, authorizer, log },
      processMetrics,
    });
  } catch (error) {
    await discovery?.stop();
    await home.release();
    throw error;
  }
}

/** Undefined when it was stopped before. */
async function placeOf(
  { settings, security }: CheckedSettings,
  discovery: Discovery | undefined,
  { home, log, stopped }: OpenMemberOptions,
): Promise<ClusterPlace | undefined> {
  const given = new AbortController();
  const ending = new Promise<undefined>((resolve) => {
    const end = (): void => {
      given.abort();
      resolve(undefined);
    };
    if (stopped.aborted) end();
    else stopped.addEventListener('abort', end, { once: true, signal: given.signal });
  });
  const introductions = new Introductions(security.dial, log, given.signal);
  const finding = findPlace({ settings, home, introductions, discovery, log, stopped: given.signal });
  // When nobody waits for it any more, what becomes of it does not matter.
  finding.catch(() => undefined);
  try {
    return await Promise.race([finding, ending]);
  } catch (error) {
    if (error instanceof NoPlaceError || error instanceof DiscoveryError)
      throw new StartError(error.message, { cause: error });
    throw error;
  } finally {
    given.abort();
  }
}
