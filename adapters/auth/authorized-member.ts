import { StatusRequest } from '../../core/chainfire/api/cluster.ts';
import { everyWatch, type WatchRequest, WatchResponse } from '../../core/chainfire/api/watch.ts';
import { cancelReasonOf } from '../../core/chainfire/auth/cancel-reason.ts';
import { type Credential, credentialKinds, processCredential } from '../../core/chainfire/auth/protocol.ts';
import {
  type MemberRefusal,
  type MemberRequest,
  type MemberResponse,
  type MemberStream,
} from '../../core/chainfire/member-protocol.ts';
import { etcdRefusal } from '../../core/chainfire/refusals.ts';
import { type MemberPort, type WatchListener, type WatchStream } from '../grpc/services/member-port.ts';
import { StatusError } from '../grpc/status.ts';
import { Cancellation, type CancelSignal } from '../runner/cancellation.ts';
import {
  type AuthorizationQuestion,
  type KeysOfLease,
  questionOf,
  type RequestAuthorizer,
  watchQuestionOf,
} from './authorizer.ts';

/** What is known of callers and keys before the member is asked. */
export interface Acquaintance {
  /** Who that is: empty for nobody, or why it is to be refused. Throws a `StatusError` when there is no member to say. */
  identify(by: Credential | undefined): { readonly user: string } | MemberRefusal;
  readonly leaseKeys: KeysOfLease;
}

export interface AuthorizedMemberOptions {
  readonly authorizer: RequestAuthorizer;
  readonly acquaintance: Acquaintance;
  /** One that has not answered by then refuses. */
  readonly timeoutMs: number;
  /** Questions that wait for an answer at once; whoever comes on top is refused. */
  readonly pendingMax: number;
  /** It threw, or did not answer. */
  readonly onFailed: (error: unknown) => void;
}

/** A member, behind somebody who decides what is asked of it at all. */
export class AuthorizedMember implements MemberPort {
  readonly #member: MemberPort;
  readonly #options: AuthorizedMemberOptions;
  #pending = 0;

  constructor(member: MemberPort, options: AuthorizedMemberOptions) {
    this.#member = member;
    this.#options = options;
  }

  async request(request: MemberRequest, signal: CancelSignal): Promise<MemberResponse> {
    const { acquaintance } = this.#options;
    if (request.by?.kind !== credentialKinds.process) {
      const user = this.#userOf(request);
      if (typeof user !== 'string') return user;
      const question = questionOf(request, user, acquaintance.leaseKeys);
      const refusal = question && (await this.#refuse(question));
      if (refusal !== undefined) return refusal;
      if (signal.aborted) throw new StatusError('CANCELLED', 'the client has gone');
    }
    return this.#member.request(request, signal);
  }

  openWatchStream(stream: MemberStream, listener: WatchListener): WatchStream {
    const opened = this.#member.openWatchStream(stream, listener);
    let isClosed = false;
    return {
      send: async (request) => {
        const refused = await this.#refusedWatch(request, stream.by);
        if (refused === undefined) await opened.send(request);
        // It is none of the member's: nothing of it counts in the stream's bound.
        else if (!isClosed) listener.item(refused, 0);
      },
      drained: (bytes) => {
        if (bytes > 0) opened.drained(bytes);
      },
      close: () => {
        isClosed = true;
        opened.close();
      },
    };
  }

  /** @throws StatusError when there is no member to say */
  #userOf(request: MemberRequest): string | MemberRefusal {
    const found = this.#options.acquaintance.identify(request.by);
    if ('user' in found) return found.user;
    // As the member has it: these are for everybody, and what was shown is worth nothing.
    const isForAll = request.kind === 'memberList' || request.kind === 'status';
    return isForAll || request.kind === 'leaseKeepAlive' ? '' : found;
  }

  /** @returns what is answered in the member's place; undefined: it may be asked */
  async #refusedWatch(request: WatchRequest, by: Credential | undefined): Promise<WatchResponse | undefined> {
    if (request.create === undefined) return undefined;
    const found = this.#options.acquaintance.identify(by);
    const refusal = 'user' in found ? await this.#refuse(watchQuestionOf(request.create, found.user)) : found;
    if (refusal === undefined) return undefined;
    const status = await this.#member.request(
      { kind: 'status', request: StatusRequest.create(), by: processCredential },
      new Cancellation(),
    );
    return WatchResponse.create({
      header: status.kind === 'status' ? status.response.header : undefined,
      ...{ watchId: everyWatch, created: true, canceled: true, cancelReason: cancelReasonOf(refusal) },
    });
  }

  async #refuse(question: AuthorizationQuestion): Promise<MemberRefusal | undefined> {
    const { pendingMax, onFailed } = this.#options;
    if (this.#pending >= pendingMax) return etcdRefusal('TOO_MANY_REQUESTS');
    this.#pending += 1;
    try {
      return (await this.#permits(question)) ? undefined : etcdRefusal('PERMISSION_DENIED');
    } catch (error) {
      onFailed(error);
      return etcdRefusal('PERMISSION_DENIED');
    } finally {
      this.#pending -= 1;
    }
  }

  async #permits(question: AuthorizationQuestion): Promise<boolean> {
    const { authorizer, timeoutMs } = this.#options;
    const answer = authorizer.permits(question);
    if (typeof answer === 'boolean') return answer;
    let timer: NodeJS.Timeout | undefined;
    const tooLate = new Promise<never>((_, fail) => {
      timer = setTimeout(
        () => fail(new Error(`the authorizer does not answer for ${timeoutMs} ms`)),
        timeoutMs,
      );
    });
    try {
      return await Promise.race([answer, tooLate]);
    } finally {
      clearTimeout(timer);
    }
  }
}
