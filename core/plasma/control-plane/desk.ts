import { type StorageRequest } from '../storage-protocol.ts';
import { type ControlPlaneEffect, type ControlPlaneResponse, type KvEffect } from './protocol.ts';

type Service = 'user' | 'agent' | 'server';
type Asked<Effect> = Effect extends { readonly kvId: number } ? Omit<Effect, 'kvId'> : never;

/** Refusals that users and agents may both be given. */
export type CommonRefusalCode = 'NOT_LEADER' | 'UNAVAILABLE' | 'PERMISSION_DENIED' | 'INVALID';

const nobody: ReadonlySet<number> = new Set();

/** What every part of the control plane works with in a step: the time, what is to be done, and who waits for an answer. */
export class Desk {
  #nowUs: number;
  #wallMs = 0;
  #kvIds = 0;
  #callIds = 0;
  #effects: ControlPlaneEffect[] = [];
  /** Requests without an answer. */
  readonly #open = new Map<number, Service>();

  constructor(nowUs: number) {
    this.#nowUs = nowUs;
  }

  get nowUs(): number {
    return this.#nowUs;
  }

  /** Wall time, ms since 1970: for people only. */
  get wallMs(): number {
    return this.#wallMs;
  }

  get openRequests(): number {
    return this.#open.size;
  }

  begin(nowUs: number): void {
    this.#nowUs = nowUs;
  }

  onWallClock(wallUs: number): void {
    this.#wallMs = Math.floor(wallUs / 1_000);
  }

  takeEffects(): readonly ControlPlaneEffect[] {
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  opened(requestId: number, service: Service): void {
    this.#open.set(requestId, service);
  }

  isOpen(requestId: number): boolean {
    return this.#open.has(requestId);
  }

  cancelled(requestId: number): void {
    this.#open.delete(requestId);
  }

  /** Nothing happens where nobody waits any more. */
  reply(requestId: number, response: ControlPlaneResponse): void {
    if (!this.#open.delete(requestId)) return;
    this.#effects.push({ kind: 'reply', requestId, response, afterSyncSeq: 0 });
  }

  refuse(requestId: number, code: CommonRefusalCode, message: string, leader?: number): void {
    this.reply(requestId, { kind: 'refused', code, message, leader });
  }

  /** Every user and agent who still waits, in the order in which they came. */
  refuseAll(
    code: CommonRefusalCode,
    message: string,
    leader: number | undefined,
    except: ReadonlySet<number> = nobody,
  ): void {
    for (const [requestId, service] of [...this.#open]) {
      if (service !== 'server' && !except.has(requestId)) this.refuse(requestId, code, message, leader);
    }
  }

  /** @returns the number under which it will be answered */
  ask(effect: Asked<KvEffect>): number {
    this.#kvIds += 1;
    this.#effects.push({ ...effect, kvId: this.#kvIds });
    return this.#kvIds;
  }

  /** @returns the number under which it will be answered */
  askStorage(request: StorageRequest, timeoutUs: number): number {
    this.#callIds += 1;
    this.#effects.push({ kind: 'callStorage', callId: this.#callIds, request, timeoutUs });
    return this.#callIds;
  }

  /** What is not answered. */
  tell(effect: Extract<KvEffect, { kind: 'kvLeaseKeep' | 'kvLeaseRevoke' }>): void {
    this.#effects.push(effect);
  }
}
