import { assert } from '../base/assert.ts';
import { utf8LengthOf } from '../base/utf8.ts';
import { type MemberPlace } from './types.ts';

export interface SwimOptions {
  /** The protocol's period: one member is probed in each. */
  readonly probeIntervalUs: number;
  /** A probe that was not answered within this time is repeated through others. Less than the interval. */
  readonly probeTimeoutUs: number;
  /** So many others are asked to look (k). */
  readonly indirectProbes: number;
  /** A suspect that says nothing is dead after so many intervals, times the logarithm of the cluster's size. */
  readonly suspicionMult: number;
  /** As long as nobody else suspects it, it has so many times as long. */
  readonly suspicionMaxTimeoutMult: number;
  /** A member that keeps missing what it should hear takes its time for slower, up to so many times. */
  readonly healthMax: number;
  /** What is new is passed on so often, */
  readonly gossipIntervalUs: number;
  /** each time to so many others, */
  readonly gossipFanout: number;
  /** until it was sent so many times, times the logarithm of the cluster's size (λ). */
  readonly retransmitMult: number;
  /** The dead are told for so long what is said of them, so that one that is not dead can object. */
  readonly gossipToTheDeadUs: number;
  /** Whole states are exchanged with one other member so often. */
  readonly syncIntervalUs: number;
  /** Whole states that are sent in answer, an interval of the protocol. */
  readonly syncAnswersMax: number;
  /** A member that knows no other asks its seeds so often, */
  readonly joinRetryUs: number;
  /** and one that does, one of the dead or of the seeds it has not met, so often: partitions heal by this. */
  readonly reconnectIntervalUs: number;
  /** How long the dead and those who left are remembered, lest what is late brings them back, */
  readonly deadKeptUs: number;
  /** and how many, the latest. */
  readonly deadMax: number;
  /** Others that are not dead, at most: what is heard of more is dropped. */
  readonly membersMax: number;
  /** Time to tell the others of one's leaving. */
  readonly leaveTimeoutUs: number;
  /** Longest datagram: what a path with an MTU of 1,500 carries whole. */
  readonly datagramBytesMax: number;
}

export const defaultSwimOptions: SwimOptions = {
  probeIntervalUs: 1_000_000,
  probeTimeoutUs: 500_000,
  indirectProbes: 3,
  suspicionMult: 4,
  suspicionMaxTimeoutMult: 6,
  healthMax: 8,
  gossipIntervalUs: 200_000,
  gossipFanout: 3,
  retransmitMult: 2,
  gossipToTheDeadUs: 30_000_000,
  syncIntervalUs: 30_000_000,
  syncAnswersMax: 16,
  joinRetryUs: 1_000_000,
  reconnectIntervalUs: 5_000_000,
  deadKeptUs: 600_000_000,
  deadMax: 256,
  membersMax: 1_024,
  leaveTimeoutUs: 5_000_000,
  datagramBytesMax: 1_400,
};

export interface SwimConfig extends SwimOptions {
  /** Datagrams of other clusters are refused. */
  readonly cluster: string;
  readonly self: MemberPlace;
  /** Where to ask first. One's own address among them does no harm. */
  readonly seeds: readonly string[];
}

/** What a member may say otherwise while it runs. */
export type OwnWords = Pick<MemberPlace, 'clientAddress' | 'peerAddress' | 'note'>;

export const seedsMax = 64;
export const nameBytesMax = 128;
export const addressBytesMax = 128;
export const clusterBytesMax = 64;
/** Beyond it nobody's incarnation goes, so that no hostile one pushes ours out of the safe integers. */
export const incarnationMax = 281_474_976_710_656;
/** A ping, and a rumor with everything as long as it may be. */
const datagramBytesMin = 1_400;

export function assertSwimConfig(config: SwimConfig): void {
  const { self } = config;
  assert(textFits(config.cluster, clusterBytesMax), 'a cluster has a name, of 64 bytes at most');
  assert(textFits(self.name, nameBytesMax), 'a member has a name, of 128 bytes at most');
  assert(
    textFits(self.gossipAddress, addressBytesMax),
    'a member has a gossip address, of 128 bytes at most',
  );
  assertPlaceFits(self);
  assert(config.seeds.length <= seedsMax, 'seeds are 64 at most');
  assert(config.probeTimeoutUs < config.probeIntervalUs, 'a probe times out within its interval');
  assert(config.healthMax >= 1, 'a member is once as slow as it should be at least');
  assert(config.indirectProbes >= 0 && config.gossipFanout >= 1, 'gossip goes to somebody');
  assert(config.suspicionMult >= 1 && config.suspicionMaxTimeoutMult >= 1, 'suspects have time to object');
  assert(config.retransmitMult >= 1, 'what is new is passed on');
  assert(config.membersMax >= 1 && config.deadMax >= 1, 'there is room for another member');
  assert(config.datagramBytesMax >= datagramBytesMin, 'a datagram holds a ping and a rumor of any size');
}

export function assertPlaceFits(place: OwnWords): void {
  const lengths = [place.clientAddress, place.peerAddress, place.note].map(utf8LengthOf);
  assert(
    lengths.every((length) => length <= addressBytesMax),
    'an address or a note has 128 bytes at most',
  );
}

function textFits(text: string, bytesMax: number): boolean {
  return text !== '' && utf8LengthOf(text) <= bytesMax;
}
