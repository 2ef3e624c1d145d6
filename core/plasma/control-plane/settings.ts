import { assert } from '../../base/assert.ts';
import { usPerMs, usPerSecond } from '../../base/units.ts';
import { noOvercommit } from '../placement/placement-node.ts';
import { type SchedulerSettings } from '../placement/scheduler.ts';

/** What a server of the control plane is told at start; all but `server` is the same on all of them. */
export interface ControlPlaneSettings {
  /** Its position among the servers, from 0: what others point callers to while it leads. */
  readonly server: number;
  /** All keys in the store begin with it. */
  readonly prefix: string;
  readonly scheduler: SchedulerSettings;
  /** Of the key that makes a server the leader. */
  readonly leaderTtlSeconds: number;
  /** How often one that does not lead looks whether somebody does. */
  readonly electionPollUs: number;
  readonly kvTimeoutUs: number;
  /** Of a call of the storage node. */
  readonly storageTimeoutUs: number;
  /** Calls of the storage node under way at once. */
  readonly storageCallsMax: number;
  /** Of nodes: what agents are granted. */
  readonly nodeLeaseTtlUs: number;
  /** How much faster or slower than another a monotonic clock may run, in millionths. */
  readonly clockDriftPpmMax: number;
  /** From the end of a node's lease until nothing of it runs any more, surely: its watchdog has killed by then. */
  readonly killTimeUs: number;
  /** A migration that gets nowhere for so long is given up, or, once the other side owns it, started there anew. */
  readonly migrationTimeoutUs: number;
  /** Migrations from a node that is drained, at once. */
  readonly drainMovesMax: number;
  /** Changes of one commit: no more than the store takes in a transaction (etcd: 128). */
  readonly commitChangesMax: number;
  /** A commit that has come to so much takes nothing more; a single decision may come to as much again. */
  readonly commitBytesMax: number;
  /** Mutations that wait for a commit to have room for them; beyond it they are refused as TOO_MANY_REQUESTS. */
  readonly waitingMax: number;
  /** Requests that wait for something to happen (`watchDesired`, `events`), or for the term to be confirmed. */
  readonly pollsMax: number;
  /** A poll waits no longer, whatever it asks for. */
  readonly pollUsMax: number;
  /** Operations and audit records that are kept of each project. */
  readonly keptPerProject: number;
  /** Rows of one read while a new leader reads all. */
  readonly pageRows: number;
  readonly vmsMax: number;
  readonly nodesMax: number;
}

export const defaultControlPlaneSettings: Omit<ControlPlaneSettings, 'server'> = {
  prefix: '/photon/plasma/',
  scheduler: { policy: 'pack', overcommit: noOvercommit },
  leaderTtlSeconds: 5,
  electionPollUs: usPerSecond,
  kvTimeoutUs: 3 * usPerSecond,
  storageTimeoutUs: 10 * usPerSecond,
  storageCallsMax: 4,
  nodeLeaseTtlUs: 10 * usPerSecond,
  clockDriftPpmMax: 1_000,
  killTimeUs: 2 * usPerSecond,
  migrationTimeoutUs: 300 * usPerSecond,
  drainMovesMax: 4,
  commitChangesMax: 128,
  // Below the 1.5 MiB that a request to the store may have, with the largest single decision on top.
  commitBytesMax: 500_000,
  waitingMax: 10_000,
  pollsMax: 20_000,
  pollUsMax: 60 * usPerSecond,
  keptPerProject: 100_000,
  pageRows: 500,
  vmsMax: 100_000,
  nodesMax: 10_000,
};

/** The shortest pause between two attempts of the same thing. */
export const retryPauseUs = 200 * usPerMs;

/** After the last grant of a node's lease: when nothing that must stop runs there any more, by whichever clock. */
export function nodeLostAfterUs(settings: ControlPlaneSettings): number {
  const { nodeLeaseTtlUs, clockDriftPpmMax, killTimeUs } = settings;
  return nodeLeaseTtlUs + Math.ceil((nodeLeaseTtlUs * 2 * clockDriftPpmMax) / 1_000_000) + killTimeUs;
}

export function checkControlPlaneSettings(settings: ControlPlaneSettings): void {
  assert(
    Number.isSafeInteger(settings.server) && settings.server >= 0,
    'a server has a position among the servers',
  );
  assert(/^[\x21-\x7e]+$/.test(settings.prefix), 'the prefix is printable ASCII, and not empty');
  assert(settings.leaderTtlSeconds >= 1, 'a leader has time');
  assert(settings.commitChangesMax >= 64, 'the largest single decision fits into a commit');
  assert(
    settings.waitingMax >= 1 &&
      settings.pollsMax >= 1 &&
      settings.pageRows >= 1 &&
      settings.storageCallsMax >= 1,
    'every queue has room for one',
  );
}
