import { bytesFromLatin1 } from '../core/base/bytes.ts';
import { between, type Prng } from '../core/base/prng.ts';
import { usPerMs } from '../core/base/units.ts';
import { PutRequest, RangeRequest } from '../core/chainfire/api/kv.ts';
import { type MemberRequest } from '../core/chainfire/member-protocol.ts';
import { KeptLease } from './kept-lease.ts';
import { type ClientDesk } from './workload-desk.ts';
import { type Undertaking } from './undertaking.ts';

/** Times to live are short, so that leases expire within a run. */
export const leaseTtlSecondsMax = 5;
const ownKeysMax = 4;
/** Keys that all clients' leases fight for: a key has one lease at a time. */
const sharedKeys = 3;
/** Once it was let go, its keys are still looked at for so long: it is gone by then, or it is late. */
const mournUsMax = 12_000 * usPerMs;

/**
 * A lease of a client's: granted, kept alive for a while with keys attached to it, then revoked or just let go, and its
 * keys looked at afterwards.
 */
export class LeaseUndertaking implements Undertaking {
  readonly #desk: ClientDesk;
  readonly #prng: Prng;
  readonly #name: string;
  #lease: KeptLease | undefined;
  #phase: 'granting' | 'kept' | 'revoking' | 'gone' | 'over' = 'granting';
  #calling = false;
  #stopped = false;
  #values = 0;
  #nextUs = Infinity;
  /** When it is let go, then when its keys are no longer looked at. */
  #endUs = Infinity;

  constructor(options: { readonly desk: ClientDesk; readonly prng: Prng; readonly number: number }) {
    const { desk, prng } = options;
    this.#desk = desk;
    this.#prng = prng;
    this.#name = `${desk.client}:${options.number}`;
    KeptLease.grant(
      desk,
      {
        // A share names its lease itself.
        id: prng.chance(1, 4) ? BigInt((desk.client + 1) * 1_000_000 + options.number) : 0n,
        ttlSeconds: between(prng, 1, leaseTtlSecondsMax),
        onLost: () => {
          this.#letGo();
        },
      },
      (lease) => {
        this.#granted(lease);
      },
    );
  }

  get over(): boolean {
    return this.#phase === 'over' && !this.#calling;
  }

  get settled(): boolean {
    return this.over;
  }

  get deadlineUs(): number {
    if (this.#calling || this.#phase === 'over') return Infinity;
    return Math.min(this.#nextUs, this.#endUs);
  }

  tick(): void {
    const { nowUs } = this.#desk;
    if (this.#calling || nowUs < this.deadlineUs) return;
    if (nowUs >= this.#endUs) this.#end();
    else this.#act();
  }

  stop(): void {
    this.#stopped = true;
    if (this.#phase === 'kept') this.#endUs = this.#desk.nowUs;
    else if (this.#phase === 'gone') this.#phase = 'over';
  }

  vanish(): void {
    this.#phase = 'over';
  }

  #granted(lease: KeptLease | undefined): void {
    this.#lease = lease;
    if (lease === undefined) {
      this.#phase = 'over';
      return;
    }
    this.#phase = 'kept';
    const { nowUs } = this.#desk;
    this.#endUs = this.#stopped ? nowUs : nowUs + between(this.#prng, 0, 12_000) * usPerMs;
    this.#nextUs = nowUs;
  }

  #end(): void {
    if (this.#phase === 'kept' && this.#lease?.kept === true && this.#prng.chance(1, 3)) {
      this.#phase = 'revoking';
      this.#calling = true;
      this.#lease.revoke(() => {
        this.#calling = false;
        this.#letGo();
      });
    } else if (this.#phase === 'kept') {
      this.#lease?.release();
      this.#letGo();
    } else {
      this.#phase = 'over';
    }
  }

  /** From here on it ends by itself, unless it already has. */
  #letGo(): void {
    const { nowUs } = this.#desk;
    this.#phase = this.#stopped ? 'over' : 'gone';
    this.#endUs = nowUs + this.#prng.below(mournUsMax);
    this.#nextUs = nowUs + this.#pauseUs();
  }

  #act(): void {
    this.#calling = true;
    this.#desk.call(this.#request(), () => {
      this.#calling = false;
      this.#nextUs = this.#desk.nowUs + this.#pauseUs();
    });
  }

  #pauseUs(): number {
    return between(this.#prng, 50, 2_000) * usPerMs;
  }

  #request(): MemberRequest {
    const id = this.#lease?.leaseId ?? 0n;
    const key = this.#key();
    const prevKv = this.#prng.chance(1, 4);
    switch (this.#phase === 'kept' ? this.#prng.below(11) : 6 + this.#prng.below(4)) {
      case 5:
        // While it exists it is refused; when it has ended without this client's knowing, it exists again.
        return { kind: 'leaseGrant', request: { id, ttlSeconds: leaseTtlSecondsMax } };
      case 6:
        return { kind: 'leaseTimeToLive', request: { id, keys: this.#prng.chance(1, 2) } };
      case 7:
      case 8:
        return { kind: 'range', request: RangeRequest.create({ key }) };
      case 9:
        return { kind: 'range', request: RangeRequest.create({ key: 'lease/', rangeEnd: 'lease0' }) };
      default:
        return {
          kind: 'put',
          request: PutRequest.create({ key, value: this.#value(), lease: id, prevKv }),
        };
    }
  }

  #key(): string {
    if (this.#prng.chance(1, 4)) return `lease/shared-${this.#prng.below(sharedKeys)}`;
    return `lease/${this.#name}-${this.#prng.below(ownKeysMax)}`;
  }

  /** Unlike every other value of the run. */
  #value(): Uint8Array {
    this.#values += 1;
    return bytesFromLatin1(`lease ${this.#name}:${this.#values}`);
  }
}
