import { type NodeId } from '../../core/base/ids.ts';
import { defaultSwimOptions, type SwimOptions } from '../../core/swim/config.ts';
import { bitLength, suspicionMinUs } from '../../core/swim/scaling.ts';
import { type Fault } from '../fault.ts';
import { type PlanSource } from '../types.ts';

/** The faults that mean something to a group that only sends datagrams, and two things that its members do themselves. */
export type SwimFault =
  | Extract<Fault, { kind: 'crash' | 'pause' | 'partition' | 'oneWay' | 'lossy' | 'flap' }>
  /** A member says that it goes, and goes; it comes again after `downUs`, if that is within the run. */
  | { readonly kind: 'leave'; readonly atUs: number; readonly node: NodeId; readonly downUs: number }
  /** A member says that it serves clients elsewhere. */
  | { readonly kind: 'move'; readonly atUs: number; readonly node: NodeId };

/** A run of gossip alone, by hand or drawn from a seed: group, faults, and what it must have come to. */
export interface SwimScenario {
  readonly name: string;
  /** One sentence: what must hold, and why it might not. */
  readonly about: string;
  readonly members: number;
  /** Members start within this time. */
  readonly startWithinUs: number;
  /** How many of the members are everybody's seeds. */
  readonly seeds: number;
  /** Where the run differs from the defaults. */
  readonly options: Partial<SwimOptions>;
  readonly faults: readonly SwimFault[];
  readonly durationUs: number;
  /** Least counts over the run, by what members were told of others; below one it fails as `idle`. */
  readonly floors: SwimFloors;
}

export interface SwimFloors {
  readonly joined?: number;
  readonly suspected?: number;
  /** Suspicions that ended well. */
  readonly trusted?: number;
  readonly died?: number;
  readonly left?: number;
  readonly updated?: number;
}

export type SwimScenarioSource = PlanSource<SwimScenario>;

export function optionsOf(plan: SwimScenario): SwimOptions {
  return { ...defaultSwimOptions, ...plan.options };
}

/**
 * The longest that a member needs to take a silent one for dead all by itself, though nobody tells it anything: two rounds of
 * probes, the period of the probe that fails, a suspicion that nobody confirms, and ten periods for what was still under way
 * when the silence began.
 *
 * @param health how many times slower it probes, at worst
 */
export function detectionUs(options: SwimOptions, members: number, health: number): number {
  const rounds = 2 * members * options.probeIntervalUs * (health + 1);
  return rounds + suspicionMaxUs(options, members) + 10 * options.probeIntervalUs;
}

export function suspicionMaxUs(options: SwimOptions, members: number): number {
  const { suspicionMult, suspicionMaxTimeoutMult, probeIntervalUs } = options;
  return suspicionMinUs(suspicionMult, members, probeIntervalUs) * suspicionMaxTimeoutMult;
}

/**
 * When the last fault is over, everybody holds the same within this time: what is gone is found to be gone, those that were taken
 * for dead are found again, and what is new has been told as often as it is told.
 */
export function convergenceUs(options: SwimOptions, members: number): number {
  const { reconnectIntervalUs, syncIntervalUs, gossipIntervalUs, retransmitMult } = options;
  const found = 2 * bitLength(members) * reconnectIntervalUs + 2 * syncIntervalUs;
  const told = 2 * retransmitMult * bitLength(members) * gossipIntervalUs * members;
  return detectionUs(options, members, 1) + found + told;
}
