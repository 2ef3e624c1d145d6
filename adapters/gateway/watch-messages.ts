import * as api from '../../core/chainfire/api/watch.ts';
import { base64Latin1, enumeration, type JsonKind, list, text } from './json-kinds.ts';
import { jsonMessage, named, nested } from './json-message.ts';
import { KeyValue, ResponseHeader } from './kv-messages.ts';

/** The Watch service's messages in JSON. */
const keyValue = nested(() => KeyValue);
export const Event = jsonMessage(api.Event, {
  type: enumeration('mvccpb.Event_EventType', { PUT: api.eventTypes.put, DELETE: api.eventTypes.delete }),
  kv: keyValue,
  prevKv: keyValue,
});
/** Members hand events over as they go on the wire. */
const encodedEvent: JsonKind<Uint8Array> = {
  print: (bytes) => Event.print(api.Event.decode(bytes)),
  parse: (json, where, depth) => api.Event.encode(Event.parse(json, where, depth)),
};

export const WatchCreateRequest = jsonMessage(api.WatchCreateRequest, {
  key: base64Latin1,
  rangeEnd: base64Latin1,
  filters: list(
    enumeration('etcdserverpb.WatchCreateRequest_FilterType', {
      NOPUT: api.watchFilters.noPut,
      NODELETE: api.watchFilters.noDelete,
    }),
  ),
});
export const WatchCancelRequest = jsonMessage(api.WatchCancelRequest, {});
export const WatchProgressRequest = jsonMessage(api.WatchProgressRequest, {});
export const WatchRequest = jsonMessage(api.WatchRequest, {
  create: named(
    'create_request',
    nested(() => WatchCreateRequest),
  ),
  cancel: named(
    'cancel_request',
    nested(() => WatchCancelRequest),
  ),
  progress: named(
    'progress_request',
    nested(() => WatchProgressRequest),
  ),
});
export const WatchResponse = jsonMessage(api.WatchResponse, {
  header: nested(() => ResponseHeader),
  cancelReason: text,
  events: list(encodedEvent),
});
