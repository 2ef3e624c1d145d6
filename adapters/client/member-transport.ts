import { type WatchRequest, type WatchResponse } from '../../core/chainfire/api/watch.ts';
import { processCredential } from '../../core/chainfire/auth/protocol.ts';
import { type ClientEvent } from '../../core/chainfire/client/protocol.ts';
import { type MemberRequest, type MemberResponse } from '../../core/chainfire/member-protocol.ts';
import { refusalOfStatus, refusalTrailer } from '../grpc/errors.ts';
import { type MemberMethod, memberMethods } from '../grpc/member-methods.ts';
import { type MemberPort, type WatchStream } from '../grpc/services/member-port.ts';
import { StatusError } from '../grpc/status.ts';
import { Cancellation } from '../runner/cancellation.ts';
import { type Attempt, type ClientTransport } from './driver.ts';

/**
 * The way to a member in the same process: calls, not sockets. It asks as the process itself, whom no permission binds.
 *
 * Whatever goes either way is copied, since the member keeps what it is handed and hands out what it keeps: nobody may change
 * it afterwards.
 */
export class MemberTransport implements ClientTransport {
  readonly #member: MemberPort;
  readonly #step: (event: ClientEvent) => void;
  readonly #attempts = new Map<number, Cancellation>();
  readonly #streams = new Map<number, WatchStream>();
  #lastStreamFailure: string | undefined;

  constructor(member: MemberPort, step: (event: ClientEvent) => void) {
    this.#member = member;
    this.#step = step;
  }

  get lastStreamFailure(): string | undefined {
    return this.#lastStreamFailure;
  }

  attempt({ attemptId, request }: Attempt): void {
    const patience = new Cancellation();
    this.#attempts.set(attemptId, patience);
    void this.#ask(attemptId, request, patience).then((event) => {
      if (this.#attempts.delete(attemptId)) this.#step(event);
    });
  }

  abandon(attemptId: number): void {
    const patience = this.#attempts.get(attemptId);
    this.#attempts.delete(attemptId);
    patience?.abort(new Error('nobody waits for it any more'));
  }

  openStream(streamId: number): void {
    try {
      const stream = this.#member.openWatchStream(
        // Where the member has lost the cluster it says so, rather than to be silent for as long as that lasts.
        { kind: 'watch', requireLeader: true, by: processCredential },
        {
          item: (response, bytes) => this.#received(streamId, copyOf(response), bytes),
          ended: (status) => this.#ended(streamId, status?.message ?? 'the member ended the stream'),
        },
      );
      this.#streams.set(streamId, stream);
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      this.#later(() => this.#failed(streamId, error.message));
    }
  }

  send(streamId: number, request: WatchRequest): void {
    void this.#streams.get(streamId)?.send(request);
  }

  closeStream(streamId: number, reason: string | undefined): void {
    if (reason !== undefined) this.#lastStreamFailure = reason;
    const stream = this.#streams.get(streamId);
    this.#streams.delete(streamId);
    stream?.close();
  }

  close(): void {
    for (const streamId of [...this.#streams.keys()]) this.closeStream(streamId, undefined);
    for (const attemptId of [...this.#attempts.keys()]) this.abandon(attemptId);
  }

  async #ask(attemptId: number, request: MemberRequest, patience: Cancellation): Promise<ClientEvent> {
    const method = memberMethods[request.kind] as MemberMethod<unknown, unknown>;
    try {
      const own = method.request.decode(method.request.encode(request.request));
      const asked = { ...request, request: own, by: processCredential } as MemberRequest;
      const response = await this.#member.request(asked, patience);
      if (response.kind === 'refused') return { kind: 'answered', attemptId, response };
      const theirs = method.response.decode(method.response.encode(response.response));
      return {
        kind: 'answered',
        attemptId,
        response: { kind: response.kind, response: theirs } as MemberResponse,
      };
    } catch (error) {
      const { message } = error as Error;
      const trailer = error instanceof StatusError ? error.trailers[refusalTrailer] : undefined;
      const refusal = refusalOfStatus(message, trailer);
      if (refusal !== undefined) return { kind: 'answered', attemptId, response: refusal };
      return { kind: 'attemptFailed', attemptId, reached: 'maybe', reason: message };
    }
  }

  /** The member speaks in its own turn, which is not to be made longer, or to fail, by whoever listens. */
  #received(streamId: number, response: WatchResponse, bytes: number): void {
    this.#later(() => {
      const stream = this.#streams.get(streamId);
      if (stream === undefined) return;
      // What waits from here on is counted, and bounded, by the watch that it is for.
      stream.drained(bytes);
      this.#step({ kind: 'streamReceived', streamId, response });
    });
  }

  #ended(streamId: number, reason: string): void {
    this.#later(() => {
      if (this.#streams.delete(streamId)) this.#failed(streamId, reason);
    });
  }

  #failed(streamId: number, reason: string): void {
    this.#lastStreamFailure = reason;
    this.#step({ kind: 'streamFailed', streamId, reason });
  }

  #later(task: () => void): void {
    queueMicrotask(task);
  }
}

/** Events are encoded once for every watch that they go to. */
function copyOf(response: WatchResponse): WatchResponse {
  return { ...response, events: response.events.map((event) => event.slice()) };
}
