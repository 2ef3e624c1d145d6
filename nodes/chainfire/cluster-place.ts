import { type Logger } from 'pino';

import { type Address, formatAddress, parseAddress } from '../../adapters/config/address.ts';
import { ConfigError } from '../../adapters/config/resolve.ts';
import { type NamedAddress } from '../../adapters/config/values.ts';
import { type PeerPlace } from '../../adapters/peer/address-book.ts';
import { formatClusterId } from '../../adapters/peer/protocol.ts';
import { type NodeId, nodeId } from '../../core/base/ids.ts';
import { type InitialMember, type JoiningMember } from '../../core/chainfire/member-protocol.ts';
import { bootstrap, memberNamed, type PeerScheme, restoredToken } from './bootstrap.ts';
import { type ClusterRecord, type KnownMember } from './cluster-file.ts';
import { type Discovery } from './discovery.ts';
import { checkDiscoverySettings, discoveryPlaces } from './discovery-settings.ts';
import { type Introduction, memberId } from './introduction.ts';
import { type Introductions, NobodyAnswers } from './introductions.ts';
import { type MemberHome } from './member-home.ts';
import { type ChainfireSettings } from './settings.ts';

/** Which member of which cluster a process is, and what it knows of the others before it has read anything of its log. */
export interface ClusterPlace {
  readonly clusterId: bigint;
  readonly id: NodeId;
  /** Where the others find it. */
  readonly address: Address | undefined;
  readonly birth: readonly InitialMember[];
  /** Undefined for a member of the cluster's birth. */
  readonly join: JoiningMember | undefined;
  readonly hasStarted: boolean;
  /** The other members, as far as they are known here: whom to ask, and where. */
  readonly contacts: readonly PeerPlace[];
}

/** The process is no member, and will not be one by being started again. */
export class NoPlaceError extends Error {
  override readonly name = 'NoPlaceError';
}

export interface PlaceOptions {
  readonly settings: ChainfireSettings;
  readonly home: MemberHome;
  readonly introductions: Introductions;
  /** Undefined where the settings want none. */
  readonly discovery: Discovery | undefined;
  readonly log: Logger;
  /** Ends the waiting for others; whoever asked for a place then has no use for one. */
  readonly stopped: AbortSignal;
}

/** What the settings say by themselves is checked before anything is made. @throws ConfigError */
export function checkClusterSettings(settings: ChainfireSettings): void {
  checkDiscoverySettings(settings);
  const { name, initialCluster, initialClusterState } = settings;
  if (initialCluster === undefined || initialClusterState === 'existing') return;
  ownEntry(name, initialCluster);
}

/**
 * Finds out which member this is: by its directory, where it has been one before; by the settings, at the birth of a cluster;
 * by asking the members of the cluster that it is to join.
 *
 * @throws ConfigError, DataDirError or NoPlaceError when it is none, NobodyAnswers when that cannot be found out now
 */
export async function findPlace(options: PlaceOptions): Promise<ClusterPlace> {
  const { settings, home } = options;
  const record = home.clusterRecord();
  if (record?.removed !== undefined) {
    throw new NoPlaceError(
      `${record.removed}; to add it anew, give it an empty --data-dir, not ${home.path}`,
    );
  }
  const { initialCluster, initialClusterState } = settings;
  if (initialClusterState === 'existing') {
    return record === undefined ? join(options) : returned(record, options);
  }
  if (initialCluster !== undefined) return begun(initialCluster, record, options);
  return record === undefined ? discovered(options) : returned(record, options);
}

/** One that knows no other, and finds them by gossip: those with whom a cluster begins, or those of one that has. */
async function discovered(options: PlaceOptions): Promise<ClusterPlace> {
  const { settings, home, discovery, stopped } = options;
  const { initialClusterSize } = settings;
  if (discovery === undefined) {
    throw new ConfigError(
      `initial_cluster is not given, and ${home.path} does not know its cluster: give --initial-cluster with every ` +
        'member of a new cluster, or --discovery-seeds and --initial-cluster-size; to join one that runs, also ' +
        '--initial-cluster-state existing',
    );
  }
  if (initialClusterSize === undefined) {
    throw new ConfigError(
      `initial_cluster_size is not given, and ${home.path} does not know its cluster: give --initial-cluster-size with ` +
        'the number of members that a new cluster is to begin with, or --initial-cluster-state existing to join one that runs',
    );
  }
  const idOf = (members: readonly NamedAddress[]): string =>
    formatClusterId(bootstrap(members, birthToken(settings, home)).clusterId);
  const found = await discovery.initialCluster(initialClusterSize, idOf, stopped);
  if (found === undefined) throw new NobodyAnswers('stopped before the members of the cluster were found');
  if (found.kind === 'begins') return begun(found.members, undefined, options);
  const clusterId = BigInt(`0x${found.clusterId}`);
  const told = await options.introductions.once(found.members, clusterId);
  const birth = told?.birth.flatMap(({ name, peerUrls }) =>
    addressesOf(peerUrls.slice(0, 1)).map((address) => ({ name, ...address })),
  );
  // It has agreed to this cluster in an earlier life, which ended before it was written down.
  const isOfBirth = birth?.some(
    (member) => member.name === settings.name && isSame(member, ownPlace(settings)),
  );
  if (birth !== undefined && isOfBirth === true && idOf(birth) === found.clusterId)
    return begun(birth, undefined, options);
  return joinBy(ownPlace(settings), found.members, options);
}

/** One of the members with which the cluster begins, or has begun. */
async function begun(
  initialCluster: readonly NamedAddress[],
  record: ClusterRecord | undefined,
  { settings, home, introductions, log }: PlaceOptions,
): Promise<ClusterPlace> {
  const cluster = bootstrap(initialCluster, birthToken(settings, home), peerScheme(settings));
  const self = memberNamed(cluster, ownEntry(settings.name, initialCluster).name);
  if (self === undefined) throw new ConfigError(`name is ${settings.name}, which is no initial member`);
  const { id, address } = self;
  const others = cluster.members.filter((member) => member.id !== id);
  const contacts = others.map((member) => ({ ...member, addresses: [member.address] }));
  const birth = cluster.members.map(({ id, name, peerUrls }) => ({ id, name, peerUrls }));
  const { clusterId } = cluster;
  const place: ClusterPlace = { clusterId, id, address, birth, join: undefined, hasStarted: false, contacts };
  if (record !== undefined && record.clusterId === formatClusterId(clusterId)) {
    // The birth as it was: it is state, the same on all members, whatever has been set since.
    const { birth, hasStarted } = record;
    return { ...place, birth, hasStarted, contacts: contactsOf(record.members, id) };
  }
  // A directory that was lost is as empty as one that never was: the others know better.
  if (home.identity() === undefined) {
    const told = await introductions.once(
      others.map((other) => other.address),
      clusterId,
    );
    const known = told?.members.find((member) => member.id === BigInt(id));
    if (told !== undefined) {
      refuseLost(told, (known?.clientUrls.length ?? 0) > 0, id, settings.name, home);
      log.info({ members: told.members.length }, 'the cluster runs already');
      return { ...place, birth: told.birth };
    }
  }
  return place;
}

/** One that has been a member, by its own word. */
async function returned(
  record: ClusterRecord,
  { settings, introductions, log }: PlaceOptions,
): Promise<ClusterPlace> {
  const id = nodeId(record.nodeId);
  const clusterId = BigInt(`0x${record.clusterId}`);
  const contacts = contactsOf(record.members, id);
  const own = record.members.find((member) => member.id === record.nodeId);
  const place: ClusterPlace = {
    ...{ clusterId, id, contacts, birth: record.birth, join: record.join, hasStarted: record.hasStarted },
    address: addressesOf(own?.peerUrls ?? record.join?.peerUrls ?? [])[0],
  };
  // Whom it knew may have left meanwhile; whoever starts it may name others.
  const known = new Set(record.members.flatMap(({ peerUrls }) => addressesOf(peerUrls)).map(formatAddress));
  const strangers = (settings.initialCluster ?? []).filter((entry) => !known.has(formatAddress(entry)));
  if (strangers.length === 0) return place;
  const told = await introductions.once(strangers, clusterId);
  if (told === undefined) {
    log.warn({ asked: strangers.map(formatAddress) }, 'members that this one does not know do not answer');
    return place;
  }
  const fresh = contactsOf(told.members.map(knownMember), id);
  const freshIds = new Set(fresh.map((contact) => contact.id));
  return { ...place, contacts: [...fresh, ...contacts.filter((contact) => !freshIds.has(contact.id))] };
}

/** One that was added to a cluster that runs. */
async function join(options: PlaceOptions): Promise<ClusterPlace> {
  const { settings, discovery, stopped } = options;
  const { name, initialCluster } = settings;
  if (initialCluster === undefined) {
    if (discovery !== undefined) {
      const members = await discovery.runningMembers(stopped);
      if (members === undefined) throw new NobodyAnswers('stopped before a member of the cluster was found');
      return joinBy(ownPlace(settings), members, options);
    }
    throw new ConfigError(
      'initial_cluster is not given: to join a cluster, give --initial-cluster with this member and those that it has already, ' +
        'or --discovery-seeds',
    );
  }
  const own = ownEntry(name, initialCluster);
  const others = initialCluster.filter((entry) => entry !== own);
  if (others.length === 0) {
    throw new ConfigError(
      `initial_cluster names only ${name}: to join a cluster, name members that it has already, too`,
    );
  }
  return joinBy(own, others, options);
}

/** Asks members of a cluster that runs which of them this one is, by its address. */
async function joinBy(
  own: Address,
  others: readonly Address[],
  { settings, home, introductions }: PlaceOptions,
): Promise<ClusterPlace> {
  const { name } = settings;
  const told = await introductions.insist(others);
  const self = told.members.find(({ peerUrls }) => isAt(peerUrls, own));
  const where = formatAddress(own);
  if (self === undefined) {
    throw new NoPlaceError(
      `cluster ${formatClusterId(told.clusterId)} runs and has no member at ${where}; add it first: ` +
        `etcdctl member add ${name} --peer-urls=${peerScheme(settings)}://${where}`,
    );
  }
  if (self.name !== '' && self.name !== name) {
    throw new NoPlaceError(
      `the member at ${where} is ${self.name}, not ${name}; check --name and --initial-cluster`,
    );
  }
  const id = memberId(self.id);
  if (home.identity() === undefined) {
    refuseLost(told, self.clientUrls.length > 0, id, name, home);
  }
  const isOfBirth = told.birth.some((member) => member.id === id);
  return {
    clusterId: told.clusterId,
    id,
    address: { host: own.host, port: own.port },
    birth: told.birth,
    join: isOfBirth ? undefined : { name, peerUrls: self.peerUrls },
    hasStarted: false,
    contacts: contactsOf(told.members.map(knownMember), id),
  };
}

/** A member that was removed, or has started, has promised something: what it was lies on another disk, or nowhere. */
function refuseLost(
  told: Introduction,
  hasStarted: boolean,
  id: NodeId,
  name: string,
  home: MemberHome,
): void {
  const cluster = formatClusterId(told.clusterId);
  if (!told.members.some((member) => member.id === BigInt(id))) {
    throw new NoPlaceError(
      `member ${id} (${name}) was removed from cluster ${cluster}, and ids are never given again; add it anew with ` +
        '`etcdctl member add`, and start it with --initial-cluster-state existing',
    );
  }
  if (!hasStarted) return;
  throw new NoPlaceError(
    `member ${id} (${name}) of cluster ${cluster} has started before, and ${home.path} is empty: what it had promised ` +
      'is lost; start it with its own directory, or remove it and add it anew',
  );
}

/** What tells the cluster that begins here from others with the same members. */
function birthToken({ initialClusterToken }: ChainfireSettings, home: MemberHome): string {
  const restoredFrom = home.identity()?.restoredFrom;
  return restoredFrom === undefined ? initialClusterToken : restoredToken(initialClusterToken, restoredFrom);
}

/** Peers speak TLS where this one has a certificate for them. */
export function peerScheme({ peerCertFile }: Pick<ChainfireSettings, 'peerCertFile'>): PeerScheme {
  return peerCertFile === undefined ? 'http' : 'https';
}

/** Where the others find this one. */
function ownPlace(settings: ChainfireSettings): Address {
  return discoveryPlaces(settings).peer;
}

/** @throws ConfigError when there is none */
function ownEntry(name: string, initialCluster: readonly NamedAddress[]): NamedAddress {
  const own = initialCluster.find((entry) => entry.name === name);
  if (own !== undefined) return own;
  const names = initialCluster.map((entry) => entry.name).sort();
  throw new ConfigError(
    `name is ${JSON.stringify(name)}, it must be one of those in initial_cluster: ${names.join(', ')}`,
  );
}

function knownMember(member: Introduction['members'][number]): KnownMember {
  return { id: memberId(member.id), name: member.name, peerUrls: member.peerUrls };
}

/** The others of these. */
export function contactsOf(members: readonly KnownMember[], own: NodeId): readonly PeerPlace[] {
  return members.filter(({ id }) => id !== own).map(placeOf);
}

/** All of them, this one included, as they are known before the log says more. */
export function knownMembers(place: ClusterPlace, name: string): readonly KnownMember[] {
  const urlsOf = (addresses: readonly Address[]): readonly string[] =>
    addresses.map((address) => `http://${formatAddress(address)}`);
  const own = place.birth.find(({ id }) => id === place.id)?.peerUrls ?? place.join?.peerUrls ?? [];
  const others = place.contacts.map((contact) => ({
    id: contact.id,
    name: contact.name,
    peerUrls: urlsOf(contact.addresses),
  }));
  return [...others, { id: place.id, name, peerUrls: own }];
}

export function placeOf({ id, name, peerUrls }: KnownMember): PeerPlace {
  return { id: nodeId(id), name, addresses: addressesOf(peerUrls) };
}

function isAt(peerUrls: readonly string[], address: Address): boolean {
  return addressesOf(peerUrls).some((other) => isSame(other, address));
}

function isSame(left: Address, right: Address): boolean {
  return formatAddress(left) === formatAddress(right);
}

/** A URL that cannot be called (of a Unix socket, without a port) is none. */
function addressesOf(peerUrls: readonly string[]): readonly Address[] {
  return peerUrls.map(parseAddress).filter((address) => address !== undefined);
}
