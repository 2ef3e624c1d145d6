import { type Infer, message, nested } from '../../wire/protobuf.ts';
import { RangeResponse } from './kv.ts';

/** A piece of the answer to a range, of etcd 3.7's `KV.RangeStream`: merged in their order, they are the answer of `Range`. */
export const RangeStreamResponse = message('RangeStreamResponse', {
  rangeResponse: nested(1, () => RangeResponse),
});
export type RangeStreamResponse = Infer<typeof RangeStreamResponse>;
