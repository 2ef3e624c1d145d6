import { assert, unreachable } from '../base/assert.ts';
import { type ActEffect, type ReplyEffect } from '../base/effects.ts';
import { type Machine, type TickEvent, type WallClockEvent } from '../base/machine.ts';
import { type Prng } from '../base/prng.ts';
import { usPerSecond } from '../base/units.ts';
import { ChainfireClient } from '../chainfire/client/client.ts';
import { type ClientConfig, type ClientEffect, type ClientEvent } from '../chainfire/client/protocol.ts';
import { type Authorizer } from '../plasma/authorizer.ts';
import {
  ControlPlane,
  type ControlPlaneStanding,
  type ControlPlaneStatus,
} from '../plasma/control-plane/control-plane.ts';
import {
  type ControlPlaneEffect,
  type ControlPlaneEvent,
  type ControlPlaneRequest,
  type ControlPlaneResponse,
  type StorageCall,
  type StorageCallEvent,
} from '../plasma/control-plane/protocol.ts';
import { type ControlPlaneSettings } from '../plasma/control-plane/settings.ts';
import { kvOutcomeOf, memberRequestOf } from './kv-calls.ts';

export interface PlasmaServerConfig {
  readonly controlPlane: ControlPlaneSettings;
  /** Of the store; `defaultClientConfig` and the number of its endpoints. */
  readonly chainfire: ClientConfig;
}

/** What the transport to Chainfire's members is asked for; endpoints by position. */
export type StoreAct = Extract<
  ClientEffect,
  { kind: 'attempt' | 'abandon' | 'openStream' | 'streamSend' | 'closeStream' }
>;
export type PlasmaServerAct = StoreAct | StorageCall;

/** What comes of it. */
export type PlasmaServerReport =
  | Extract<ClientEvent, { kind: 'answered' | 'attemptFailed' | 'streamReceived' | 'streamFailed' }>
  | StorageCallEvent;

export type PlasmaServerEvent =
  | TickEvent
  | WallClockEvent
  | { readonly kind: 'requested'; readonly requestId: number; readonly request: ControlPlaneRequest }
  | { readonly kind: 'cancelled'; readonly requestId: number }
  | { readonly kind: 'acted'; readonly report: PlasmaServerReport };

/** Nothing is gated: a server keeps nothing on disk. */
export type PlasmaServerEffect = ReplyEffect<ControlPlaneResponse> | ActEffect<PlasmaServerAct>;

const revokeTimeoutUs = 2 * usPerSecond;

/** The process `photon plasma server`: the control plane and its client of Chainfire, in one machine. */
export class PlasmaServer implements Machine<PlasmaServerEvent, PlasmaServerEffect> {
  readonly #controlPlane: ControlPlane;
  readonly #client: ChainfireClient;
  #nowUs: number;
  #effects: PlasmaServerEffect[] = [];
  /** Calls of the client whose end nobody waits for have numbers below zero. */
  #unheard = 0;

  constructor(config: PlasmaServerConfig, authorizer: Authorizer, prng: Prng, nowUs: number) {
    this.#controlPlane = new ControlPlane(config.controlPlane, authorizer, prng.fork('control plane'), nowUs);
    this.#client = new ChainfireClient(config.chainfire, prng.fork('chainfire'), nowUs);
    this.#nowUs = nowUs;
  }

  get standing(): ControlPlaneStanding {
    return this.#controlPlane.standing;
  }

  get status(): ControlPlaneStatus {
    return this.#controlPlane.status;
  }

  get deadlineUs(): number {
    return Math.min(this.#controlPlane.deadlineUs, this.#client.deadlineUs);
  }

  step(event: PlasmaServerEvent, nowUs: number): readonly PlasmaServerEffect[] {
    assert(nowUs >= this.#nowUs, 'time is monotonic');
    this.#nowUs = nowUs;
    switch (event.kind) {
      case 'tick':
        // The client first: what it gives up is news to the other.
        this.#stepClient(event);
        this.#stepControlPlane(event);
        break;
      case 'acted':
        this.#onReport(event.report);
        break;
      case 'wallClock':
      case 'requested':
      case 'cancelled':
        this.#stepControlPlane(event);
        break;
      default:
        unreachable(event);
    }
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  #onReport(report: PlasmaServerReport): void {
    if (report.kind === 'storageAnswered' || report.kind === 'storageFailed') this.#stepControlPlane(report);
    else this.#stepClient(report);
  }

  #stepControlPlane(event: ControlPlaneEvent): void {
    for (const effect of this.#controlPlane.step(event, this.#nowUs)) this.#onControlPlane(effect);
  }

  #stepClient(event: ClientEvent): void {
    for (const effect of this.#client.step(event, this.#nowUs)) this.#onClient(effect);
  }

  #onControlPlane(effect: ControlPlaneEffect): void {
    switch (effect.kind) {
      case 'reply':
        this.#effects.push(effect);
        break;
      case 'callStorage':
        this.#effects.push({ kind: 'act', act: effect, afterSyncSeq: 0 });
        break;
      case 'kvTxn':
      case 'kvRange':
      case 'kvLeaseGrant': {
        const { kvId: callId, timeoutUs } = effect;
        this.#stepClient({ kind: 'called', callId, request: memberRequestOf(effect), timeoutUs });
        break;
      }
      case 'kvLeaseKeep': {
        const { ttlSeconds, sentUs: grantedUs } = effect;
        this.#stepClient({ kind: 'leaseKept', leaseId: BigInt(effect.lease), ttlSeconds, grantedUs });
        break;
      }
      case 'kvLeaseRevoke': {
        const leaseId = BigInt(effect.lease);
        this.#stepClient({ kind: 'leaseReleased', leaseId });
        this.#unheard -= 1;
        const request = { kind: 'leaseRevoke', request: { id: leaseId } } as const;
        this.#stepClient({ kind: 'called', callId: this.#unheard, request, timeoutUs: revokeTimeoutUs });
        break;
      }
      default:
        unreachable(effect);
    }
  }

  #onClient(effect: ClientEffect): void {
    switch (effect.kind) {
      case 'attempt':
      case 'abandon':
      case 'openStream':
      case 'streamSend':
      case 'closeStream':
        this.#effects.push({ kind: 'act', act: effect, afterSyncSeq: 0 });
        break;
      case 'completed':
        if (effect.callId < 0) break;
        this.#stepControlPlane({
          kind: 'kvAnswered',
          kvId: effect.callId,
          outcome: kvOutcomeOf(effect.outcome),
        });
        break;
      case 'leaseLost':
        this.#stepControlPlane({
          kind: 'kvLeaseLost',
          lease: String(effect.leaseId),
          reason: effect.reason,
        });
        break;
      // Kept is what was assumed; and nothing is watched.
      case 'leaseRenewed':
      case 'watchDelivered':
      case 'watchEnded':
        break;
      default:
        unreachable(effect);
    }
  }
}
