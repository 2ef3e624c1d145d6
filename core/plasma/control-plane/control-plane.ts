import { type Machine } from '../../base/machine.ts';
import { type Prng } from '../../base/prng.ts';
import { type Authorizer } from '../authorizer.ts';
import { type Revision } from '../types.ts';
import { type ControlPlaneEffect, type ControlPlaneEvent } from './protocol.ts';
import { type ControlPlaneSettings } from './settings.ts';

/** What a server shows of itself: for metrics, `/ready` and operators. */
export interface ControlPlaneStatus {
  /** `following`: another leads, or nobody does. `taking over`: reads what there is. */
  readonly role: 'following' | 'campaigning' | 'taking over' | 'leading';
  /** Position of the leader among the servers, as far as this one knows. */
  readonly leader: number | undefined;
  /** Revision of the store at which this one became leader; 0: it is not. */
  readonly term: number;
  /** Of the last commit that this one knows of. */
  readonly revision: Revision;
  /** Why it does not lead though it could; empty: nothing is wrong. */
  readonly trouble: string;
  readonly vms: number;
  readonly vmsPending: number;
  readonly nodesUp: number;
  readonly nodesSilent: number;
  readonly nodesLost: number;
  /** Requests that have no answer yet. */
  readonly requestsWaiting: number;
  readonly commits: number;
  readonly commitsUnknown: number;
  readonly termsWon: number;
  readonly termsLost: number;
}

/**
 * A server of the control plane. One of them leads: the one whose lease in the store holds the leader's key. It decides
 * everything in memory and commits it to the store, one transaction at a time, each of which checks that it still leads; the
 * others point callers to it.
 */
export class ControlPlane implements Machine<ControlPlaneEvent, ControlPlaneEffect> {
  constructor(settings: ControlPlaneSettings, authorizer: Authorizer, prng: Prng, nowUs: number) {
    void [settings, authorizer, prng, nowUs];
  }

  get deadlineUs(): number {
    throw new Error('not there yet');
  }

  get status(): ControlPlaneStatus {
    throw new Error('not there yet');
  }

  step(event: ControlPlaneEvent, nowUs: number): readonly ControlPlaneEffect[] {
    throw new Error(`not there yet: ${event.kind} at ${nowUs}`);
  }
}
