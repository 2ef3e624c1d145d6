import { type Address, formatAddress } from '../../adapters/config/address.ts';
import { ConfigError } from '../../adapters/config/resolve.ts';
import { flagName, optional, type Settings, tomlKey } from '../../adapters/config/schema.ts';
import { address, addresses, integer, path } from '../../adapters/config/values.ts';
import { seedsMax } from '../../core/swim/config.ts';

/** So many agree without a list within seconds; a cluster of more is written down. */
const initialMembersMax = 64;

/** Members that find each other by gossip. */
export const discoverySettings = {
  discoverySeeds: optional(
    addresses({ countMax: seedsMax }),
    'Where gossip asks first: the gossip addresses of a few members, the same on all, its own among them. With it members find each other, and tell each other who seems to be gone (docs/gossip.md)',
  ),
  initialClusterSize: optional(
    integer({ min: 1, max: initialMembersMax }),
    'With how many members the cluster begins, which find each other by discovery_seeds; in place of initial_cluster, the same on all members',
  ),
  advertisePeer: optional(
    address(),
    'Address at which the other members reach this one, for gossip to tell them; listen_peer when it is not given',
  ),
  listenGossip: optional(
    address(),
    "Address for gossip's datagrams (UDP); host and port of listen_peer when it is not given",
  ),
  advertiseGossip: optional(
    address(),
    'Address that gossip gives to others for its datagrams; listen_gossip when it is not given',
  ),
  gossipKeyFile: optional(
    path(),
    'File of at least 32 secret bytes, the same on all members: gossip is signed with it, and what is not is dropped. Not given: whoever can send datagrams to a member can make its gossip believe anything',
  ),
} as const;

export type DiscoverySettings = Settings<typeof discoverySettings> & {
  readonly name: string;
  readonly listenPeer: Address;
  readonly listenClient: Address;
  readonly advertiseClient: Address | undefined;
  readonly initialCluster: readonly (Address & { readonly name: string })[] | undefined;
  readonly initialClusterToken: string;
};

/** Where this member is, as gossip tells it to the others. */
export interface DiscoveryPlaces {
  readonly peer: Address;
  readonly client: Address;
  readonly listen: Address;
  readonly gossip: Address | undefined;
}

/** What is given together does not contradict itself. @throws ConfigError */
export function checkDiscoverySettings(settings: DiscoverySettings): void {
  const { discoverySeeds, initialCluster, initialClusterSize } = settings;
  if (discoverySeeds !== undefined) {
    discoveryPlaces(settings);
    if (initialCluster === undefined || initialClusterSize === undefined) return;
    throw new ConfigError(
      'initial_cluster and initial_cluster_size exclude each other: give the members, or how many gossip is to find',
    );
  }
  const idle = (
    ['initialClusterSize', 'advertisePeer', 'listenGossip', 'advertiseGossip', 'gossipKeyFile'] as const
  ).find((name) => settings[name] !== undefined);
  if (idle === undefined) return;
  throw new ConfigError(
    `${tomlKey(idle)} needs discovery_seeds: without --discovery-seeds there is no gossip`,
  );
}

/** @throws ConfigError when others could not call what they would be told */
export function discoveryPlaces(settings: DiscoverySettings): DiscoveryPlaces {
  const { name, initialCluster, listenPeer, listenGossip = listenPeer } = settings;
  const listed = initialCluster?.find((entry) => entry.name === name);
  const peer = settings.advertisePeer ?? (listed && { host: listed.host, port: listed.port }) ?? listenPeer;
  if (isAnywhere(peer) || peer.port === 0) throw uncallable('listenPeer', peer, 'advertisePeer');
  // A port that the system chooses is known before anybody is told of it.
  const told = settings.advertiseGossip ?? listenGossip;
  if (isAnywhere(told)) throw uncallable('listenGossip', told, 'advertiseGossip');
  return {
    peer,
    client: settings.advertiseClient ?? settings.listenClient,
    listen: listenGossip,
    gossip: settings.advertiseGossip,
  };
}

function isAnywhere({ host }: Address): boolean {
  return host === '0.0.0.0' || /^[0:]+$/.test(host);
}

function uncallable(listened: string, told: Address, advertised: string): ConfigError {
  return new ConfigError(
    `${tomlKey(listened)} is ${formatAddress(told)}, which nobody can call: say with --${flagName(advertised)} where others reach it`,
  );
}
