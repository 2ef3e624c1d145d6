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
  readonly signal: AbortSignal;
  /** Wall-clock time in ms by which the client wants its answer; `Infinity` when it set none. */
  readonly deadlineMs: number;
  /** The first value of a metadata key, given in lower case. */
  metadata(name: string): string | undefined;
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

export type Method =
  UnaryMethod<unknown, unknown> | ServerStreamMethod<unknown, unknown> | DuplexMethod<unknown, unknown>;

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
