import { type Codec, type Method, unary } from '../service.ts';
import { StatusError } from '../status.ts';

/** Accepts any bytes: what a method that is not served was asked does not matter. */
const anything: Codec<Uint8Array> = {
  name: 'any message',
  encode: (bytes) => bytes,
  decode: (bytes) => bytes,
};

/** Methods of an interface of others that this version does not serve: they say so by name. */
export function unserved(service: string, methods: readonly string[]): readonly Method[] {
  return methods.map((method) =>
    unary(`/${service}/${method}`, anything, anything, () =>
      Promise.reject(
        new StatusError('UNIMPLEMENTED', `${service}.${method} is not served by this version of Chainfire`),
      ),
    ),
  );
}
