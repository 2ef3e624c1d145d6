import { type Credential } from '../../core/chainfire/auth/protocol.ts';
import { type Identity } from '../tls/identity.ts';
import { type CancelSignal } from '../runner/cancellation.ts';

/**
 * A remote service as a table: paths, codecs, handlers. Handlers take decoded messages and know nothing of the library
 * that carries them, so that the library can be replaced (`mount.ts` is the only file that knows it).
 *
 * Methods are declared with method syntax, so that a table of concrete messages is a table of unknown ones.
 */
export interface Codec<T> {
  readonly name: string;
  encode(value: T): Uint8Array;
  /** @throws WireError naming the message and field that is malformed */
  decode(bytes: Uint8Array): T;
}

export interface CallContext {
  /** Aborted when the client is gone, has cancelled, or its deadline has passed. */
  readonly signal: CancelSignal;
  /** Wall-clock time in ms by which the client wants its answer; `Infinity` when it set none. */
  readonly deadlineMs: number;
  /** The first value of a metadata key, given in lower case. */
  metadata(name: string): string | undefined;
  /** What the caller shows for who it is; absent: nothing. */
  readonly by?: Credential | undefined;
  /**
   * The name `photon://system/node` of the certificate that the other side has shown; undefined: none. Whether anybody vouches
   * for it is the listener's business.
   */
  readonly certificateIdentity?: Identity | undefined;
  /** The common name of that certificate. */
  readonly certificateName?: string | undefined;
  /** Address of the other side, for logs and error messages. */
  readonly peer: string;
}

export interface UnaryMethod<Request, Response> {
  readonly kind: 'unary';
  /** `/package.Service/Method`. */
  readonly path: string;
  readonly request: Codec<Request>;
  readonly response: Codec<Response>;
  /** Rejects with a `StatusError` to refuse; anything else that is thrown becomes INTERNAL. */
  handle(request: Request, context: CallContext): Promise<Response>;
}

export interface ServerStreamMethod<Request, Response> {
  readonly kind: 'serverStream';
  readonly path: string;
  readonly request: Codec<Request>;
  readonly response: Codec<Response>;
  /** The next item is asked for once the transport has taken the one before. */
  handle(request: Request, context: CallContext): AsyncIterable<Response>;
}

export interface DuplexMethod<Request, Response> {
  readonly kind: 'duplex';
  readonly path: string;
  readonly request: Codec<Request>;
  readonly response: Codec<Response>;
  /** Requests not asked for stay with the transport, which stops the sender: back-pressure both ways. */
  handle(requests: AsyncIterable<Request>, context: CallContext): AsyncIterable<Response>;
}

/** Where a handler that does not wait to be asked puts its responses. */
export interface ResponseSink<Response> {
  /**
   * Hands the response to the transport now. Nothing bounds what is handed over but the handler, which counts what
   * `taken` has not said.
   *
   * @param taken called once the transport has passed it on; never when the call ends before
   */
  write(response: Response, taken: () => void): void;
}

/** Streams both ways like a duplex method; responses are pushed when they come into being, without a turn of waiting each. */
export interface PushMethod<Request, Response> {
  readonly kind: 'push';
  readonly path: string;
  readonly request: Codec<Request>;
  readonly response: Codec<Response>;
  /** The call ends when it resolves, behind what was written, or with the `StatusError` that it rejects with. */
  handle(requests: AsyncIterable<Request>, sink: ResponseSink<Response>, context: CallContext): Promise<void>;
}

export type Method =
  | UnaryMethod<unknown, unknown>
  | ServerStreamMethod<unknown, unknown>
  | DuplexMethod<unknown, unknown>
  | PushMethod<unknown, unknown>;

export interface Service {
  /** `package.Service`. */
  readonly name: string;
  readonly methods: readonly Method[];
}

export function unary<Request, Response>(
  path: string,
  request: Codec<Request>,
  response: Codec<Response>,
  handle: (request: Request, context: CallContext) => Promise<Response>,
): Method {
  const method: UnaryMethod<Request, Response> = { kind: 'unary', path, request, response, handle };
  return method;
}

export function serverStream<Request, Response>(
  path: string,
  request: Codec<Request>,
  response: Codec<Response>,
  handle: (request: Request, context: CallContext) => AsyncIterable<Response>,
): Method {
  const method: ServerStreamMethod<Request, Response> = {
    kind: 'serverStream',
    path,
    request,
    response,
    handle,
  };
  return method;
}

export function duplex<Request, Response>(
  path: string,
  request: Codec<Request>,
  response: Codec<Response>,
  handle: (requests: AsyncIterable<Request>, context: CallContext) => AsyncIterable<Response>,
): Method {
  const method: DuplexMethod<Request, Response> = { kind: 'duplex', path, request, response, handle };
  return method;
}

export function push<Request, Response>(
  path: string,
  request: Codec<Request>,
  response: Codec<Response>,
  handle: PushMethod<Request, Response>['handle'],
): Method {
  const method: PushMethod<Request, Response> = { kind: 'push', path, request, response, handle };
  return method;
}
