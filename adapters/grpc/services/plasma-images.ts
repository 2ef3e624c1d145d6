import { type Authorizer, type GuardedCall } from '../../../core/plasma/authorizer.ts';
import { fetchImagePath, FetchImageRequest, FetchImageResponse } from '../../../core/plasma/wire/agent.ts';
import { uploadPath, UploadRequest, UploadResponse } from '../../../core/plasma/wire/console.ts';
import { type Infer } from '../../../core/wire/protobuf.ts';
import { ImageError } from '../../images/image-error.ts';
import { type ImageStore, type StoredImage } from '../../images/image-store.ts';
import { type CallContext, duplex, type Method, unary } from '../service.ts';
import { StatusError } from '../status.ts';
import { callerOf } from './plasma-caller.ts';

export interface ImageMethodsParts {
  readonly store: ImageStore;
  readonly authorizer: Authorizer;
  readonly secured: boolean;
}

type Upload = Infer<typeof UploadRequest>;

/** Of `ImageService`: an image comes in, piece after piece. */
export function uploadMethod(parts: ImageMethodsParts): Method {
  return duplex(uploadPath, UploadRequest, UploadResponse, (requests, context) =>
    upload(parts, requests, context),
  );
}

/** Of `AgentService`: a piece of an image goes out. */
export function fetchImageMethod(parts: ImageMethodsParts): Method {
  return unary(fetchImagePath, FetchImageRequest, FetchImageResponse, async (request, context) => {
    const { digest, fromByte, bytesMax } = request;
    guard(parts, context, { service: 'image', digest, write: false });
    return asStatus(() => parts.store.chunk(digest, fromByte, bytesMax));
  });
}

async function* upload(
  parts: ImageMethodsParts,
  requests: AsyncIterable<Upload>,
  context: CallContext,
): AsyncIterable<StoredImage> {
  const iterator = requests[Symbol.asyncIterator]();
  const first = await iterator.next();
  if (first.done === true) throw new StatusError('INVALID_ARGUMENT', 'nothing was sent');
  const { format, digest } = first.value;
  guard(parts, context, { service: 'image', digest, write: true });
  const pieces = piecesOf(first.value, iterator, context);
  yield await asStatus(() => parts.store.import(pieces, { format, ...(digest === '' ? {} : { digest }) }));
}

async function* piecesOf(
  first: Upload,
  rest: AsyncIterator<Upload>,
  { signal }: CallContext,
): AsyncIterable<Uint8Array> {
  yield first.bytes;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value.bytes;
  // The stream also ends when the other side is gone: what has come is then not the whole.
  if (signal.aborted) throw new StatusError('CANCELLED', 'the other side is gone');
}

function guard({ authorizer, secured }: ImageMethodsParts, context: CallContext, call: GuardedCall): void {
  const refusal = authorizer.refuses(callerOf(context, secured), call);
  if (refusal !== undefined) throw new StatusError('PERMISSION_DENIED', refusal);
}

async function asStatus<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
    throw new StatusError(error.code === 'NOT_FOUND' ? 'NOT_FOUND' : 'INVALID_ARGUMENT', error.message);
  }
}
