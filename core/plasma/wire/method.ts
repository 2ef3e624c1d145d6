import { assert } from '../../base/assert.ts';
import { type Message } from '../../wire/protobuf.ts';

interface Kinded {
  readonly kind: string;
}

export interface WireCodec<T> {
  readonly name: string;
  encode(value: T): Uint8Array;
  /** @throws WireError */
  decode(bytes: Uint8Array): T;
}

/** One kind of request as a unary method. What is refused goes as a status, every other answer as its message. */
export interface PlasmaMethod<Request extends Kinded, Response extends Kinded> {
  readonly kind: Request['kind'];
  readonly service: string;
  /** `/package.Service/Method`. */
  readonly path: string;
  readonly request: WireCodec<Request>;
  readonly response: WireCodec<Response>;
}

export interface MethodParts<RequestShape, ResponseShape, ResponseKind extends string> {
  readonly service: string;
  readonly name: string;
  readonly request: Message<RequestShape>;
  readonly responseKind: ResponseKind;
  readonly response: Message<ResponseShape>;
}

/** What is sent of one kind; several kinds may share a shape. */
export type ShapeOf<T extends Kinded, Kind> = T extends unknown
  ? Kind extends T['kind']
    ? Omit<T, 'kind'>
    : never
  : never;

/** The shapes of the messages are those of the request and the response, but for their kinds. */
export function method<
  Request extends Kinded,
  Response extends Kinded,
  Kind extends Request['kind'],
  ResponseKind extends Response['kind'],
>(
  kind: Kind,
  parts: MethodParts<ShapeOf<Request, Kind>, ShapeOf<Response, ResponseKind>, ResponseKind>,
): PlasmaMethod<Request, Response> {
  const { service, name, responseKind } = parts;
  return {
    kind,
    service,
    path: `/${service}/${name}`,
    request: codec<Request>(kind, parts.request as Message<unknown>),
    response: codec<Response>(responseKind, parts.response as Message<unknown>),
  };
}

function codec<T extends Kinded>(kind: T['kind'], type: Message<unknown>): WireCodec<T> {
  return {
    name: type.name,
    encode: (value) => {
      assert(value.kind === kind, 'a message carries its own kind');
      return type.encode(value);
    },
    decode: (bytes) => ({ kind, ...(type.decode(bytes) as object) }) as T,
  };
}
