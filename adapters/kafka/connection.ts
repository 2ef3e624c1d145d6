import { type Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

import { unreachable } from '../../core/base/assert.ts';
import { type BrokerResponse, type CallingClient } from '../../core/chronik/broker-protocol.ts';
import { type SegmentReader } from '../../core/storage/segment-files.ts';
import { type ApiName, apis, type KafkaCall, type RequestOf } from '../../core/wire/kafka/apis.ts';
import {
  decodeRequest,
  encodeResponse,
  encodeUnknownApiVersions,
  type ResponseHeading,
} from '../../core/wire/kafka/calls.ts';
import { KafkaFrames } from '../../core/wire/kafka/frames.ts';
import { type Encoded } from '../../core/wire/kafka/writer.ts';
import { WireError } from '../../core/wire/reader.ts';
import { Cancellation } from '../runner/cancellation.ts';
import { RunnerError } from '../runner/runner-error.ts';
import { type AnswerPlace, Answers } from './answers.ts';
import { answerApiVersions, isOffered, offeredApis } from './api-versions.ts';
import { Authentication } from './authentication.ts';
import { resolveChunks } from './chunks.ts';
import { type KafkaPort } from './port.ts';
import { type Credentials } from './sasl/credentials.ts';
import {
  type KafkaCounters,
  type KafkaHooks,
  type KafkaLimits,
  type KafkaListener,
} from './server-options.ts';

/** What a server's connections share. */
export interface ConnectionHost {
  readonly listener: KafkaListener;
  readonly port: KafkaPort;
  readonly segments: Pick<SegmentReader, 'read'>;
  readonly credentials: Credentials;
  readonly limits: KafkaLimits;
  readonly hooks: KafkaHooks;
  readonly counters: KafkaCounters;
}

/** sasl.server.max.receive.size: until a client is known, it has not much to say. */
const unknownFrameBytesMax = 524_288;
/** What a client is told before its connection ends must arrive: the rest of what it says is not read, and would reset it. */
const lingerMs = 1_000;
/** A throttled connection is read again after this long at the latest. */
const throttleMsMax = 60_000;

/** What waits beside the request under way. */
type Waiting = 'nothing' | 'authentication' | 'throttle';

/**
 * One client's connection: requests in, answers out in the same order.
 *
 * Requests go to the broker as they come, so that several are under way. Nothing more is read while too many are, while the
 * client does not take its answers, and while it is throttled. A second fetch waits for the first one's answer: each may be as
 * large as the client likes, and a client that means well has one at a time.
 */
export class KafkaConnection {
  readonly remote: string;
  readonly #socket: Socket;
  readonly #host: ConnectionHost;
  readonly #frames: KafkaFrames;
  readonly #authentication: Authentication;
  readonly #answers: Answers;
  /** Aborted with the connection. */
  readonly #fetches = new Set<Cancellation>();
  readonly #client: Omit<CallingClient, 'id' | 'principal'>;
  #principal: string;
  /** Taken, and waits until the fetch before it is answered. */
  #heldFrame: Uint8Array | undefined;
  #waiting: Waiting = 'nothing';
  #throttle: NodeJS.Timeout | undefined;
  /** Nothing more is read: it ends once everything is answered. */
  #ending = false;
  #closed = false;

  constructor(socket: Socket, host: ConnectionHost) {
    this.#socket = socket;
    this.#host = host;
    const { listener, limits, credentials } = host;
    const address = socket.remoteAddress ?? 'unknown';
    this.remote = `${address}:${socket.remotePort ?? 0}`;
    this.#client = { host: address.replace(/^::ffff:/, ''), listener: listener.name };
    this.#principal = principalBehind(socket);
    const asksForUser = listener.protocol === 'SASL_PLAINTEXT' || listener.protocol === 'SASL_SSL';
    this.#authentication = new Authentication(credentials, asksForUser);
    this.#frames = new KafkaFrames(asksForUser ? unknownFrameBytesMax : limits.requestBytesMax);
    this.#answers = new Answers((chunks) => this.#write(chunks));
    socket.setTimeout(limits.idleMs);
    socket.on('timeout', () => {
      if (this.#answers.length === 0) this.close();
    });
    socket.on('data', (piece: Uint8Array) => this.#onData(piece));
    socket.on('drain', () => this.#go());
    // What it was that failed, `close` follows.
    socket.on('error', () => undefined);
    socket.on('close', () => this.#onClosed());
  }

  /** At once. */
  close(): void {
    this.#socket.destroy();
    this.#onClosed();
  }

  /** Reads nothing more, and closes once what is under way is answered. */
  end(): void {
    if (this.#ending) return;
    this.#ending = true;
    this.#socket.pause();
    this.#endWhenAnswered();
  }

  #onData(piece: Uint8Array): void {
    this.#host.counters.receivedBytes += piece.length;
    this.#frames.push(piece);
    this.#go();
  }

  /** Takes what may be taken of what has arrived. */
  #go(): void {
    if (this.#closed || this.#ending) return;
    try {
      while (!this.#isFull()) {
        const frame = this.#heldFrame ?? this.#frames.next();
        this.#heldFrame = undefined;
        if (frame === undefined) {
          this.#socket.resume();
          return;
        }
        this.#onFrame(frame);
        if (this.#heldFrame !== undefined) break;
      }
      this.#socket.pause();
    } catch (error) {
      if (error instanceof WireError) this.#refuse(error.message);
      else this.#fail(error);
    }
  }

  #isFull(): boolean {
    const { inFlightMax, requestBytesMax, unsentBytesMax } = this.#host.limits;
    return (
      this.#closed ||
      this.#ending ||
      this.#waiting !== 'nothing' ||
      this.#answers.length >= inFlightMax ||
      this.#answers.requestBytes >= requestBytesMax ||
      this.#socket.writableLength >= unsentBytesMax
    );
  }

  #onFrame(frame: Uint8Array): void {
    if (this.#authentication.state === 'bare') {
      void this.#onBareToken(frame);
      return;
    }
    if (this.#fetches.size > 0 && isFetch(frame)) {
      this.#heldFrame = frame;
      return;
    }
    const request = decodeRequest(frame);
    const place = this.#answers.open(frame.length);
    if (request.kind === 'unknownApiVersions') {
      const heading = {
        api: 'apiVersions',
        version: request.version,
        correlationId: request.correlationId,
      } as const;
      const answer = new CallAnswer(heading, place, frame.length);
      this.#send(answer, encodeUnknownApiVersions(request.correlationId, offeredApis));
      return;
    }
    const { call, clientId, correlationId } = request;
    const { api, version } = call;
    const answer = new CallAnswer({ api, version, correlationId }, place, frame.length);
    if (call.api === 'apiVersions') this.#onApiVersions(answer, call.body);
    else if (call.api === 'saslHandshake') this.#onHandshake(answer, call.body);
    else if (call.api === 'saslAuthenticate') void this.#onAuthenticate(answer, call.body);
    else if (!this.#authentication.isOver) this.#refuse(`${api} came before its client had logged in`);
    else if (!isOffered(api)) this.#refuse(`${api} is not for clients`);
    else this.#onCall(answer, call, clientId);
  }

  #onCall(answer: CallAnswer, call: KafkaCall, id: string | undefined): void {
    const client = { ...this.#client, id, principal: this.#principal };
    // Only a fetch is dropped with its client. Whatever changes something was received, and is carried out.
    const cancellation = call.api === 'fetch' ? new Cancellation() : undefined;
    if (cancellation !== undefined) this.#fetches.add(cancellation);
    this.#host.port.request({ kind: 'call', call, client }, cancellation).then(
      (response) => {
        if (cancellation !== undefined) this.#fetches.delete(cancellation);
        this.#onResponse(answer, response);
      },
      (error: unknown) => {
        if (!this.#closed && !(error instanceof RunnerError)) this.#host.hooks.onDefect(error);
        this.close();
      },
    );
  }

  #onResponse(answer: CallAnswer, response: BrokerResponse): void {
    if (this.#closed) return;
    switch (response.kind) {
      case 'answered':
        this.#answer(answer, response.body);
        this.#throttleFor(response.throttleMs);
        break;
      case 'silent':
        this.#settle(answer, [], 0);
        break;
      case 'disconnect':
        this.#refuse(response.reason);
        return;
      case 'shutdown':
        this.#fail(new Error('a call was answered as a shutdown'));
        return;
      default:
        unreachable(response);
    }
    this.#go();
  }

  #onApiVersions(answer: CallAnswer, request: RequestOf<'apiVersions'>): void {
    const { body, software } = answerApiVersions(request, answer.heading.version);
    if (software !== undefined) this.#host.hooks.onSoftware(software);
    this.#answer(answer, body);
  }

  #onHandshake(answer: CallAnswer, { mechanism }: RequestOf<'saslHandshake'>): void {
    const response = this.#authentication.handshake(mechanism, answer.heading.version);
    this.#answer(answer, response);
    if (this.#authentication.state !== 'failed') return;
    this.#authenticationFailed(`error ${response.errorCode} to SaslHandshake`);
  }

  async #onAuthenticate(answer: CallAnswer, { authBytes }: RequestOf<'saslAuthenticate'>): Promise<void> {
    await this.#authenticate(authBytes, ({ response }) => this.#answer(answer, response));
  }

  /** As clients did before SaslAuthenticate: without headers, and an error is the connection's end. */
  async #onBareToken(token: Uint8Array): Promise<void> {
    const place = this.#answers.open(token.length);
    await this.#authenticate(token, ({ response, refusal }) => {
      if (refusal !== undefined) {
        this.#answers.settle(place, []);
        return;
      }
      const prefix = Buffer.alloc(4);
      prefix.writeInt32BE(response.authBytes.length);
      this.#answers.settle(place, [prefix, response.authBytes]);
    });
  }

  async #authenticate(
    token: Uint8Array,
    tell: (step: Awaited<ReturnType<Authentication['authenticate']>>) => void,
  ): Promise<void> {
    const wasOver = this.#authentication.isOver;
    this.#waiting = 'authentication';
    try {
      const step = await this.#authentication.authenticate(token);
      if (this.#closed) return;
      this.#waiting = 'nothing';
      tell(step);
      if (step.refusal !== undefined) this.#authenticationFailed(step.refusal);
      else if (!wasOver && this.#authentication.isOver) this.#authenticated();
      this.#go();
    } catch (error) {
      this.#fail(error);
    }
  }

  #authenticated(): void {
    this.#host.counters.authenticationsSucceeded += 1;
    this.#principal = `User:${this.#authentication.user ?? ''}`;
    this.#frames.frameBytesMax = this.#host.limits.requestBytesMax;
  }

  #authenticationFailed(reason: string): void {
    const { counters, hooks, listener } = this.#host;
    counters.authenticationsFailed += 1;
    const { mechanism } = this.#authentication;
    hooks.onAuthenticationFailed({ remote: this.remote, listener: listener.name, mechanism, reason });
    this.end();
  }

  #throttleFor(throttleMs: number): void {
    if (throttleMs <= 0 || this.#waiting !== 'nothing') return;
    this.#waiting = 'throttle';
    this.#throttle = setTimeout(
      () => {
        this.#waiting = 'nothing';
        this.#go();
      },
      Math.min(throttleMs, throttleMsMax),
    );
  }

  #answer(answer: CallAnswer, body: unknown): void {
    try {
      this.#send(answer, encodeResponse(answer.heading, body as never));
    } catch (error) {
      this.#fail(error);
    }
  }

  #send(answer: CallAnswer, encoded: Encoded): void {
    this.#settle(answer, resolveChunks(encoded, this.#host.segments), encoded.lengthBytes);
  }

  #settle(answer: CallAnswer, chunks: readonly Uint8Array[], responseBytes: number): void {
    const { api, version } = answer.heading;
    const { requestBytes, sinceMs } = answer;
    this.#answers.settle(answer.place, chunks);
    this.#host.hooks.onAnswered({
      ...{ api, version, requestBytes, responseBytes },
      durationMs: performance.now() - sinceMs,
    });
    this.#endWhenAnswered();
  }

  #write(chunks: readonly Uint8Array[]): void {
    const socket = this.#socket;
    socket.cork();
    for (const chunk of chunks) {
      this.#host.counters.sentBytes += chunk.length;
      socket.write(chunk);
    }
    socket.uncork();
  }

  /** The client is shown out; what was answered before still reaches it. */
  #refuse(reason: string): void {
    if (this.#closed) return;
    this.#host.hooks.onRefused(this.remote, reason);
    this.close();
  }

  #fail(error: unknown): void {
    if (this.#closed) return;
    this.#host.hooks.onDefect(error);
    this.close();
  }

  #endWhenAnswered(): void {
    if (!this.#ending || this.#closed || this.#answers.length > 0) return;
    const socket = this.#socket;
    socket.end(() => {
      // What it still sends is thrown away, so that the last answer is not lost to a reset.
      socket.resume();
      setTimeout(() => this.close(), lingerMs).unref();
    });
  }

  #onClosed(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#throttle);
    this.#answers.clear();
    const gone = new Error('the client is gone');
    for (const fetch of this.#fetches) fetch.abort(gone);
    this.#fetches.clear();
  }
}

/** A request, until its answer has its place. */
class CallAnswer {
  readonly heading: ResponseHeading<ApiName>;
  readonly place: AnswerPlace;
  readonly requestBytes: number;
  readonly sinceMs = performance.now();

  constructor(heading: ResponseHeading<ApiName>, place: AnswerPlace, requestBytes: number) {
    this.heading = heading;
    this.place = place;
    this.requestBytes = requestBytes;
  }
}

/** By its first bytes, the API's key. */
function isFetch(frame: Uint8Array): boolean {
  return frame.length >= 2 && frame[0] === 0 && frame[1] === apis.fetch.key;
}

/** By the certificate that it has shown, which the listener has found good; else it is nobody in particular. */
function principalBehind(socket: Socket): string {
  const certificate = socket instanceof TLSSocket ? socket.getPeerX509Certificate() : undefined;
  const name = certificate?.toLegacyObject().subject.CN as string | readonly string[] | undefined;
  return typeof name === 'string' && name !== '' ? `User:${name}` : 'User:ANONYMOUS';
}
