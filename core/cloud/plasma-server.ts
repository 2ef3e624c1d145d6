import { type ActEffect, type ReplyEffect } from '../base/effects.ts';
import { type Machine, type TickEvent, type WallClockEvent } from '../base/machine.ts';
import { type Prng } from '../base/prng.ts';
import { type ClientConfig, type ClientEffect, type ClientEvent } from '../chainfire/client/protocol.ts';
import { type Authorizer } from '../plasma/authorizer.ts';
import { ControlPlane, type ControlPlaneStatus } from '../plasma/control-plane/control-plane.ts';
import { type ControlPlaneRequest, type ControlPlaneResponse } from '../plasma/control-plane/protocol.ts';
import { type ControlPlaneSettings } from '../plasma/control-plane/settings.ts';

export interface PlasmaServerConfig {
  readonly controlPlane: ControlPlaneSettings;
  /** Of the store; `defaultClientConfig` and the number of its endpoints. */
  readonly chainfire: ClientConfig;
}

/** What the transport to Chainfire's members is asked for; endpoints by position. */
export type PlasmaServerAct = Extract<
  ClientEffect,
  { kind: 'attempt' | 'abandon' | 'openStream' | 'streamSend' | 'closeStream' }
>;

/** What comes of it. */
export type PlasmaServerReport = Extract<
  ClientEvent,
  { kind: 'answered' | 'attemptFailed' | 'streamReceived' | 'streamFailed' }
>;

export type PlasmaServerEvent =
  | TickEvent
  | WallClockEvent
  | { readonly kind: 'requested'; readonly requestId: number; readonly request: ControlPlaneRequest }
  | { readonly kind: 'cancelled'; readonly requestId: number }
  | { readonly kind: 'acted'; readonly report: PlasmaServerReport };

/** Nothing is gated: a server keeps nothing on disk. */
export type PlasmaServerEffect = ReplyEffect<ControlPlaneResponse> | ActEffect<PlasmaServerAct>;

/** The process `photon plasma server`: the control plane and its client of Chainfire, in one machine. */
export class PlasmaServer implements Machine<PlasmaServerEvent, PlasmaServerEffect> {
  readonly #controlPlane: ControlPlane;

  constructor(config: PlasmaServerConfig, authorizer: Authorizer, prng: Prng, nowUs: number) {
    this.#controlPlane = new ControlPlane(config.controlPlane, authorizer, prng.fork('control plane'), nowUs);
  }

  get status(): ControlPlaneStatus {
    return this.#controlPlane.status;
  }

  get deadlineUs(): number {
    throw new Error('not there yet');
  }

  step(event: PlasmaServerEvent, nowUs: number): readonly PlasmaServerEffect[] {
    throw new Error(`not there yet: ${event.kind} at ${nowUs}`);
  }
}
