import {
  Metadata,
  type sendUnaryData,
  type Server,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';

import { type Credential } from '../../core/chainfire/auth/protocol.ts';
import { type ShownIdentity } from '../auth/identify.ts';
import { Cancellation, type CancelSignal } from '../runner/cancellation.ts';
import { identityOf } from '../tls/identity.ts';
import { bufferOf, bytesOf } from './buffers.ts';
import { decodeOrRefuse } from './decode.ts';
import {
  type CallContext,
  type DuplexMethod,
  type Method,
  type PushMethod,
  type ResponseSink,
  type ServerStreamMethod,
  type Service,
  type UnaryMethod,
} from './service.ts';
import { statusCodes, StatusError, type StatusName } from './status.ts';

/**
 * Mounts service tables on `@grpc/grpc-js`.
 *
 * The library is given the identity for its deserializers and messages are decoded here, because it hides from the client
 * why a message could not be decoded.
 */
export interface MountHooks {
  /** A handler failed with something other than a `StatusError`: a defect, which the client sees as INTERNAL. */
  onDefect(path: string, error: unknown): void;
  /** What the caller shows for who it is; nothing where this is not given. */
  identify?(shown: ShownIdentity): Credential | undefined;
  /** Before every call, streams included. */
  onStarted?(path: string, kind: Method['kind']): void;
  /** After every call: for metrics and logs. */
  onCompleted?(call: CompletedCall): void;
}

export interface CompletedCall {
  readonly path: string;
  readonly code: StatusName;
  /** Of a stream: its life. */
  readonly durationMs: number;
  /** What a unary call asked, decoded; undefined when it could not be decoded, and for streams. */
  readonly request: unknown;
  /** Of a unary call's messages; 0 where there was none, and for streams. */
  readonly requestBytes: number;
  readonly responseBytes: number;
  /** Address of the other side; a function, since few ask. */
  peer(): string;
}

type Bytes = Uint8Array;
type SurfaceCall = Pick<
  ServerUnaryCall<Bytes, Bytes>,
  'metadata' | 'getPeer' | 'getDeadline' | 'getAuthContext' | 'cancelled'
> & {
  on(event: 'cancelled', listener: () => void): unknown;
};

/** Adds every method of the service to the server. */
export function mount(server: Server, service: Service, hooks: MountHooks): void {
  const definition: Record<string, ServiceDefinition[string]> = {};
  const implementation: UntypedServiceImplementation = {};
  for (const method of service.methods) {
    definition[method.path] = {
      path: method.path,
      requestStream: method.kind === 'duplex' || method.kind === 'push',
      responseStream: method.kind !== 'unary',
      requestSerialize: bufferOf,
      requestDeserialize: bytesOf,
      responseSerialize: bufferOf,
      responseDeserialize: bytesOf,
    };
    implementation[method.path] = handlerOf(method, hooks);
  }
  server.addService(definition, implementation);
}

function handlerOf(method: Method, hooks: MountHooks): UntypedServiceImplementation[string] {
  switch (method.kind) {
    case 'unary':
      return (call: ServerUnaryCall<Bytes, Bytes>, callback: sendUnaryData<Bytes>) => {
        void serveUnary(method, call, callback, hooks);
      };
    case 'serverStream':
      return (call: ServerWritableStream<Bytes, Bytes>) => {
        void serveStream(method, call, hooks, (context) => {
          const responses = method.handle(decodeOrRefuse(method.request, call.request), context);
          return writeEach(method, call, responses, context.signal);
        });
      };
    case 'duplex':
      return (call: ServerDuplexStream<Bytes, Bytes>) => {
        void serveStream(method, call, hooks, (context) =>
          writeEach(
            method,
            call,
            method.handle(decodeEach(method, call, context.signal), context),
            context.signal,
          ),
        );
      };
    case 'push':
      return (call: ServerDuplexStream<Bytes, Bytes>) => {
        void serveStream(method, call, hooks, (context) =>
          method.handle(decodeEach(method, call, context.signal), sinkOf(method, call), context),
        );
      };
  }
}

async function serveUnary(
  method: UnaryMethod<unknown, unknown>,
  call: ServerUnaryCall<Bytes, Bytes>,
  callback: sendUnaryData<Bytes>,
  hooks: MountHooks,
): Promise<void> {
  const startMs = performance.now();
  hooks.onStarted?.(method.path, method.kind);
  let request: unknown;
  let responseBytes = 0;
  let code: StatusName = 'OK';
  let over = false;
  try {
    request = decodeOrRefuse(method.request, call.request);
    const context = contextOf(call, hooks, () => over);
    const response = method.response.encode(await method.handle(request, context));
    responseBytes = response.length;
    over = true;
    callback(null, response);
  } catch (error) {
    const status = statusOf(method.path, error, hooks);
    code = status.code;
    callback(errorOf(status));
  }
  hooks.onCompleted?.({
    path: method.path,
    code,
    durationMs: performance.now() - startMs,
    request,
    requestBytes: call.request.length,
    responseBytes,
    peer: () => call.getPeer(),
  });
}

type StreamCall = ServerWritableStream<Bytes, Bytes> | ServerDuplexStream<Bytes, Bytes>;

/** Runs a stream to its end, and ends the call as it did. */
async function serveStream(
  { path, kind }: Pick<Method, 'path' | 'kind'>,
  call: StreamCall,
  hooks: MountHooks,
  run: (context: CallContext) => Promise<void>,
): Promise<void> {
  const startMs = performance.now();
  hooks.onStarted?.(path, kind);
  const context = contextOf(call, hooks);
  // A stream that breaks has told `cancelled` already; without a listener its error would end the process.
  call.on('error', () => undefined);
  let code: StatusName = 'OK';
  try {
    await run(context);
    call.end();
  } catch (error) {
    const status: StatusError = context.signal.aborted
      ? new StatusError('CANCELLED', 'the other side is gone')
      : statusOf(path, error, hooks);
    code = status.code;
    call.emit('error', errorOf(status));
  }
  hooks.onCompleted?.({
    path,
    code,
    durationMs: performance.now() - startMs,
    request: undefined,
    requestBytes: 0,
    responseBytes: 0,
    peer: () => context.peer,
  });
}

/** Writes what the iterable gives, each item once the transport has room. */
async function writeEach(
  method: ServerStreamMethod<unknown, unknown> | DuplexMethod<unknown, unknown>,
  call: StreamCall,
  responses: AsyncIterable<unknown>,
  signal: CancelSignal,
): Promise<void> {
  for await (const response of responses) {
    if (signal.aborted) break;
    if (!call.write(method.response.encode(response))) await happened(call, ['drain'], signal);
  }
}

function sinkOf(
  method: PushMethod<unknown, unknown>,
  call: ServerDuplexStream<Bytes, Bytes>,
): ResponseSink<unknown> {
  return {
    write: (response, taken) => {
      call.write(method.response.encode(response), (error: Error | null | undefined) => {
        if (!error) taken();
      });
    },
  };
}

/**
 * What the client says, until it says no more or is gone. The stream's own iterator would destroy the call when it is ended
 * with an error, and with it what was written before and the status itself.
 */
async function* decodeEach(
  method: DuplexMethod<unknown, unknown> | PushMethod<unknown, unknown>,
  call: ServerDuplexStream<Bytes, Bytes>,
  signal: CancelSignal,
): AsyncIterable<unknown> {
  while (!signal.aborted) {
    const bytes = call.read() as Bytes | null;
    if (bytes !== null) yield decodeOrRefuse(method.request, bytes);
    else if (call.readableEnded) return;
    else await happened(call, ['readable', 'end'], signal);
  }
}

/** Resolves at the first of the events, or when the signal is aborted. */
function happened(call: StreamCall, events: readonly string[], signal: CancelSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      for (const event of events) call.off(event, end);
      signal.removeEventListener('abort', end);
      resolve();
    };
    for (const event of events) call.on(event, end);
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
  });
}

/** One for all: an `AbortError` made for each would cost a stack trace. */
const clientGone = new Error('the client has gone');

/** @param isOver a call that was answered is over: the library reports its end as a cancellation, which nobody waits for */
function contextOf(call: SurfaceCall, hooks: MountHooks, isOver: () => boolean = () => false): CallContext {
  const cancellation = new Cancellation();
  call.on('cancelled', () => {
    if (!isOver()) cancellation.abort(clientGone);
  });
  if (call.cancelled) cancellation.abort(clientGone);
  const deadline = call.getDeadline();
  const metadata = (name: string): string | undefined => call.metadata.get(name)[0]?.toString();
  return {
    signal: cancellation,
    deadlineMs: typeof deadline === 'number' ? deadline : deadline.getTime(),
    metadata,
    by: hooks.identify?.({
      metadata,
      get certificateName() {
        return commonNameOf(call);
      },
    }),
    get certificateIdentity() {
      return identityOf(call.getAuthContext()?.sslPeerCertificate?.subjectaltname);
    },
    get certificateName() {
      return commonNameOf(call);
    },
    get peer() {
      return call.getPeer();
    },
  };
}

/** Of the certificate that the other side has shown; whether anybody vouches for it is the listener's business. */
function commonNameOf(call: SurfaceCall): string | undefined {
  const name = call.getAuthContext()?.sslPeerCertificate?.subject.CN as string | string[] | undefined;
  return Array.isArray(name) ? undefined : name;
}

function statusOf(path: string, error: unknown, hooks: MountHooks): StatusError {
  if (error instanceof StatusError) return error;
  hooks.onDefect(path, error);
  return new StatusError('INTERNAL', `${path}: internal error`);
}

function errorOf(status: StatusError): Error & { code: number; details: string; metadata: Metadata } {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(status.trailers)) metadata.set(name, value);
  return Object.assign(new Error(status.message), {
    code: statusCodes[status.code],
    details: status.message,
    metadata,
  });
}
