/**
 * The yardstick: a server on the same library, `@grpc/grpc-js`, that answers each of the measured methods with fixed bytes
 * as long as a member's answer, and does nothing else. Run as a process of its own; says its port to its parent.
 */
import {
  Server,
  ServerCredentials,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';

import { PutResponse, RangeResponse, ResponseOp, TxnResponse } from '../../../core/chainfire/api/kv.ts';
import { exampleKeyValue } from './requests.ts';

const header = { clusterId: 0x1234_5678_9abc_def0n, memberId: 1n, revision: 123_456, raftTerm: 2 };
const put = PutResponse.create({ header });
const answers: Readonly<Record<string, Uint8Array>> = {
  '/etcdserverpb.KV/Put': PutResponse.encode(put),
  '/etcdserverpb.KV/Range': RangeResponse.encode(
    RangeResponse.create({ header, kvs: [exampleKeyValue], count: 1 }),
  ),
  '/etcdserverpb.KV/Txn': TxnResponse.encode(
    TxnResponse.create({
      header,
      succeeded: true,
      responses: [ResponseOp.create({ responsePut: { header: undefined, prevKv: undefined } })],
    }),
  ),
};

const asIs = (bytes: Buffer): Buffer => bytes;
const definition: Record<string, ServiceDefinition[string]> = {};
const implementation: UntypedServiceImplementation = {};
for (const [path, answer] of Object.entries(answers)) {
  const bytes = Buffer.from(answer);
  definition[path] = {
    path,
    requestStream: false,
    responseStream: false,
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  };
  implementation[path] = (_call: unknown, callback: (error: null, answer: Buffer) => void) =>
    callback(null, bytes);
}

const server = new Server({ 'grpc.enable_channelz': 0 });
server.addService(definition, implementation);
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  process.send?.({ port });
});
process.on('disconnect', () => process.exit(0));
