import { unreachable } from '../../base/assert.ts';
import { type StateForm } from '../../base/capture.ts';
import { type MemberRefusal, type MemberRequest } from '../member-protocol.ts';
import { type KeyRange } from '../mvcc/key-range.ts';
import { etcdRefusal } from '../refusals.ts';
import { type AuthState } from './auth-state.ts';
import { cancelReasonOf } from './cancel-reason.ts';
import { Caller } from './caller.ts';
import { type Credential, credentialKinds } from './protocol.ts';
import { Tokens } from './tokens.ts';

/** Who a stream of watches is, as far as it was found out; the hub keeps it. */
export interface WatchOwner {
  readonly by: Credential | undefined;
  /** Empty: nobody that is known. */
  user: string;
}

/**
 * Who asks this member for something. What a caller shows becomes a user and the auth revision under which it was one, when
 * the request comes; whether that suffices is decided where the request is carried out.
 */
export class MemberAuth {
  readonly #state: AuthState;
  readonly #tokens: Tokens;
  #seenVersion: number;

  constructor(state: AuthState, tokenTtlUs: number) {
    this.#state = state;
    this.#tokens = new Tokens(tokenTtlUs);
    this.#seenVersion = state.version;
  }

  get tokenCount(): number {
    return this.#tokens.size;
  }

  /** The request with its caller proven, or refused where it shows something that proves nothing. */
  admit(request: MemberRequest, nowUs: number): MemberRequest | MemberRefusal {
    const by = request.by === undefined ? undefined : this.#proven(request.by, nowUs);
    if (by !== undefined && 'code' in by) return asksWho(request) ? by : { ...request, by: undefined };
    if (request.kind === 'moveLeader') {
      // Of this member alone: there is no place in the log to decide at.
      const refusal = this.#state.refuseAdministration(callerOf(by));
      if (refusal !== undefined) return refusal;
    }
    return request.by === undefined ? request : { ...request, by };
  }

  /**
   * Who a caller is, for whoever decides about it outside before it is admitted: an empty name is nobody's. What is refused here is
   * refused to everybody who may not ask as nobody; a token's end is found out where it is used.
   */
  identify(by: Credential | undefined): { readonly user: string } | MemberRefusal {
    if (by?.kind === credentialKinds.user) return { user: by.name };
    const owner = by?.kind === credentialKinds.token ? this.#tokens.ownerOf(by.name) : undefined;
    if (owner !== undefined) return { user: owner };
    const isShown = by?.kind === credentialKinds.token || by?.kind === credentialKinds.invalid;
    return isShown && this.#state.enabled ? etcdRefusal('INVALID_AUTH_TOKEN') : { user: '' };
  }

  /** Entries were applied, or a snapshot installed. @returns whether what somebody may do may be another */
  moved(nowUs: number): boolean {
    for (const news of this.#state.takeNews()) {
      if (news.kind === 'assigned') this.#tokens.assigned(news.digest, news.user, nowUs);
      else if (news.kind === 'revoked') this.#tokens.revoke(news.user);
      else this.#tokens.clear();
    }
    const { version } = this.#state;
    if (version === this.#seenVersion) return false;
    this.#seenVersion = version;
    return true;
  }

  /** Why a watch will not be set up. The caller is proven anew for each: its token may have ended since the stream began. */
  refuseWatch(owner: WatchOwner, range: KeyRange, nowUs: number): string | undefined {
    const by = owner.by === undefined ? undefined : this.#proven(owner.by, nowUs);
    if (by !== undefined && 'code' in by) return cancelReasonOf(by);
    owner.user = by?.kind === credentialKinds.user ? by.name : '';
    const refusal = this.#state.refuse(callerOf(by), { kind: 'read', range });
    return refusal && cancelReasonOf(refusal);
  }

  /** Why a watch ends that was set up under an earlier state. */
  refuseGoingOn(owner: WatchOwner, range: KeyRange): string | undefined {
    const isProcess = owner.by?.kind === credentialKinds.process;
    const caller = { user: owner.user, authRevision: this.#state.revision, isProcess };
    const refusal = this.#state.refuse(caller, { kind: 'read', range });
    return refusal && cancelReasonOf(refusal);
  }

  passState(form: StateForm): void {
    this.#tokens.passState(form);
  }

  /** Undefined: nobody that is known, which only matters once authentication is enabled. */
  #proven(by: Credential, nowUs: number): Credential | MemberRefusal | undefined {
    const { enabled, revision } = this.#state;
    const disproven = enabled ? etcdRefusal('INVALID_AUTH_TOKEN') : undefined;
    switch (by.kind) {
      case credentialKinds.token: {
        const user = this.#tokens.use(by.name, nowUs);
        if (user === undefined) return disproven;
        return { kind: credentialKinds.user, name: user, authRevision: revision };
      }
      case credentialKinds.user:
        return by.authRevision > 0 ? by : { ...by, authRevision: revision };
      case credentialKinds.process:
        return by;
      case credentialKinds.invalid:
        return disproven;
      default:
        return unreachable(by.kind as never);
    }
  }
}

/** Not where everybody may ask, as in etcd: a lease that is kept must not be lost because a token has ended. */
function asksWho({ kind }: MemberRequest): boolean {
  return kind !== 'leaseKeepAlive' && kind !== 'memberList' && kind !== 'status';
}

/** Of a credential that was proven. */
export function callerOf(by: Credential | undefined): Caller | undefined {
  if (by === undefined) return undefined;
  if (by.kind === credentialKinds.process) return Caller.create({ isProcess: true });
  return Caller.create({ user: by.name, authRevision: by.authRevision });
}
