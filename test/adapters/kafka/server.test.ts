import { afterEach, describe, expect, test } from 'vitest';

import { type KafkaPort } from '../../../adapters/kafka/port.ts';
import { KafkaServer } from '../../../adapters/kafka/server.ts';
import {
  type FailedAuthentication,
  type KafkaLimits,
  type KafkaListener,
} from '../../../adapters/kafka/server-options.ts';
import { type Credentials, credentialOf } from '../../../adapters/kafka/sasl/credentials.ts';
import { type CancelSignal } from '../../../adapters/runner/cancellation.ts';
import { RunnerError } from '../../../adapters/runner/runner-error.ts';
import { type BrokerRequest, type BrokerResponse } from '../../../core/chronik/broker-protocol.ts';
import { MemorySegments } from '../../../core/storage/memory-segments.ts';
import { apis } from '../../../core/wire/kafka/apis.ts';
import { decodeResponse } from '../../../core/wire/kafka/calls.ts';
import { kafkaErrors } from '../../../core/wire/kafka/error-codes.ts';
import { RawKafkaClient } from './raw-kafka-client.ts';

interface Asked {
  readonly request: Extract<BrokerRequest, { kind: 'call' }>;
  readonly signal: CancelSignal | undefined;
  answer(response: BrokerResponse): void;
  fail(error: Error): void;
}

/** A broker that answers when the test says so, in whatever order. */
class HeldBroker implements KafkaPort {
  readonly asked: Asked[] = [];
  #changed: () => void = () => undefined;

  request(request: BrokerRequest, signal?: CancelSignal): Promise<BrokerResponse> {
    if (request.kind !== 'call') throw new Error('clients call');
    return new Promise((answer, fail) => {
      this.asked.push({ request, signal, answer, fail });
      this.#changed();
    });
  }

  async untilAsked(count: number): Promise<void> {
    while (this.asked.length < count) await new Promise<void>((resolve) => (this.#changed = resolve));
  }

  at(position: number): Asked {
    const asked = this.asked[position];
    if (asked === undefined) throw new Error(`nobody has asked ${position + 1} times`);
    return asked;
  }
}

const limits: KafkaLimits = {
  requestBytesMax: 100_000,
  connectionsMax: 3,
  idleMs: 60_000,
  inFlightMax: 4,
  unsentBytesMax: 1_000_000,
};
const password = await credentialOf('SCRAM-SHA-256', 'pencil', {
  salt: Buffer.alloc(16, 1),
  iterations: 4_096,
});
const credentials: Credentials = { scram: (user) => (user === 'alice' ? password : undefined) };
const plain: KafkaListener = {
  name: 'PLAINTEXT',
  address: { host: '127.0.0.1', port: 0 },
  protocol: 'PLAINTEXT',
};
const sasl: KafkaListener = { ...plain, name: 'LOGIN', protocol: 'SASL_PLAINTEXT' };

let cleanUp: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const clean of cleanUp) await clean();
  cleanUp = [];
});

async function started(listener = plain, changed: Partial<KafkaLimits> = {}) {
  const broker = new HeldBroker();
  const segments = new MemorySegments();
  const refused: string[] = [];
  const failed: FailedAuthentication[] = [];
  const defects: unknown[] = [];
  const server = await KafkaServer.listen({
    ...{ listeners: [listener], port: broker, segments, credentials, limits: { ...limits, ...changed } },
    hooks: {
      onAnswered: () => undefined,
      onSoftware: () => undefined,
      onAuthenticationFailed: (failure) => failed.push(failure),
      onRefused: (_, reason) => refused.push(reason),
      onDefect: (error) => defects.push(error),
    },
  });
  cleanUp.push(() => server.stop(0));
  const connect = async (): Promise<RawKafkaClient> => {
    const client = await RawKafkaClient.connect(server.listeners[0]?.address.port ?? 0);
    cleanUp.unshift(() => Promise.resolve(client.close()));
    return client;
  };
  return { broker, segments, server, connect, refused, failed, defects };
}

const metadata = apis.metadata.request.create({ topics: [] });
const fetch = apis.fetch.request.create({ maxWaitMs: 500 });
const answered = (body: unknown): BrokerResponse => ({ kind: 'answered', body, throttleMs: 0 });
const noTopics = answered(apis.metadata.response.create());

describe('requests and answers', () => {
  test('answers leave in the order of the requests, whenever they are ready', async () => {
    const { broker, connect } = await started();
    const client = await connect();
    const sent = [1, 2, 3].map(() => client.send('metadata', 9, metadata));
    await broker.untilAsked(3);
    for (const position of [2, 1, 0]) broker.at(position).answer(noTopics);
    expect(await client.nextIds(3)).toEqual(sent);
  });

  test('the broker is told who asks, and over which listener', async () => {
    const { broker, connect } = await started();
    const client = await connect();
    client.send('metadata', 9, metadata);
    await broker.untilAsked(1);
    expect(broker.at(0).request).toEqual({
      kind: 'call',
      call: { api: 'metadata', version: 9, body: metadata },
      client: { id: 'raw', principal: 'User:ANONYMOUS', host: '127.0.0.1', listener: 'PLAINTEXT' },
    });
  });

  test('where the protocol has no answer, none is waited for', async () => {
    const { broker, connect } = await started();
    const client = await connect();
    client.send('produce', 9, apis.produce.request.create({ acks: 0 }));
    const second = client.send('metadata', 9, metadata);
    await broker.untilAsked(2);
    broker.at(1).answer(noTopics);
    broker.at(0).answer({ kind: 'silent' });
    expect(await client.nextIds(1)).toEqual([second]);
  });

  test('records are read from the file that the answer names', async () => {
    const { broker, segments, connect } = await started();
    segments.append('partitions/t-0.1/segment_00000000000000000000.wal', Buffer.from('--the records--'));
    const client = await connect();
    client.send('fetch', 12, fetch);
    await broker.untilAsked(1);
    const records = {
      file: 'partitions/t-0.1/segment_00000000000000000000.wal',
      positionBytes: 2,
      lengthBytes: 11,
    };
    const partitions = [{ partitionIndex: 0, highWatermark: 1, records }];
    broker.at(0).answer(answered(apis.fetch.response.create({ responses: [{ topic: 't', partitions }] })));
    const frame = await client.next();
    const { body } = decodeResponse(frame ?? Buffer.alloc(0), { api: 'fetch', version: 12 });
    expect(Buffer.from(body.responses[0]?.partitions[0]?.records as Uint8Array).toString()).toBe(
      'the records',
    );
  });

  test('a file that holds less than it was said to ends the connection: no client gets half a frame', async () => {
    const { broker, connect, defects } = await started();
    const client = await connect();
    client.send('fetch', 12, fetch);
    await broker.untilAsked(1);
    const records = { file: 'gone', positionBytes: 0, lengthBytes: 5 };
    const partitions = [{ partitionIndex: 0, highWatermark: 1, records }];
    broker.at(0).answer(answered(apis.fetch.response.create({ responses: [{ topic: 't', partitions }] })));
    expect(await client.next()).toBeUndefined();
    expect(defects).toHaveLength(1);
  });

  test('an answer that its version cannot say is a defect, and ends the connection', async () => {
    const { broker, connect, defects } = await started();
    const client = await connect();
    client.send('metadata', 0, metadata);
    await broker.untilAsked(1);
    broker.at(0).answer(answered(apis.metadata.response.create({ topics: [{ name: undefined }] })));
    await client.closed();
    expect(defects).toHaveLength(1);
  });

  test.each([
    ['the broker says so', (asked: Asked) => asked.answer({ kind: 'disconnect', reason: 'NOT_LEADER' })],
    ['the broker stops', (asked: Asked) => asked.fail(new RunnerError('STOPPED', 'gone'))],
  ])('the connection ends when %s', async (_, end) => {
    const { broker, connect, defects } = await started();
    const client = await connect();
    client.send('metadata', 9, metadata);
    await broker.untilAsked(1);
    end(broker.at(0));
    await client.closed();
    expect(defects).toEqual([]);
  });

  test('a client that leaves takes its fetch with it, and nothing else', async () => {
    const { broker, connect } = await started();
    const client = await connect();
    client.send('produce', 9, apis.produce.request.create({ acks: -1 }));
    client.send('fetch', 12, fetch);
    await broker.untilAsked(2);
    expect(broker.at(0).signal).toBeUndefined();
    const aborted = new Promise<void>((resolve) => broker.at(1).signal?.addEventListener('abort', resolve));
    client.close();
    await aborted;
  });
});

describe('bounds', () => {
  test('no more requests than are allowed are under way; the others come as there is room', async () => {
    const { broker, connect } = await started();
    const client = await connect();
    const sent = Array.from({ length: 7 }, () => client.send('metadata', 9, metadata));
    await broker.untilAsked(limits.inFlightMax);
    // Whatever the server would take beyond that, it has by the time that another connection was answered.
    const other = await connect();
    await other.call('apiVersions', 0, apis.apiVersions.request.create());
    expect(broker.asked).toHaveLength(limits.inFlightMax);
    for (let position = 0; position < sent.length; position += 1) {
      await broker.untilAsked(position + 1);
      broker.at(position).answer(noTopics);
    }
    expect(await client.nextIds(7)).toEqual(sent);
  });

  test('a fetch waits for the answer to the one before it', async () => {
    const { broker, connect } = await started();
    const client = await connect();
    const sent = [
      client.send('fetch', 12, fetch),
      client.send('fetch', 12, fetch),
      client.send('metadata', 9, metadata),
    ];
    await broker.untilAsked(1);
    const other = await connect();
    await other.call('apiVersions', 0, apis.apiVersions.request.create());
    expect(broker.asked).toHaveLength(1);
    broker.at(0).answer(answered(apis.fetch.response.create()));
    await broker.untilAsked(3);
    broker.at(2).answer(noTopics);
    broker.at(1).answer(answered(apis.fetch.response.create()));
    expect(await client.nextIds(3)).toEqual(sent);
  });

  test('of a client that does not read its answers nothing more is read, until it does', async () => {
    const { broker, segments, connect } = await started();
    const file = 'partitions/t-0.1/segment_00000000000000000000.wal';
    segments.append(file, Buffer.alloc(1_000_000));
    const records = { file, positionBytes: 0, lengthBytes: 1_000_000 };
    const partitions = [{ partitionIndex: 0, highWatermark: 1, records }];
    const megabyte = answered(apis.fetch.response.create({ responses: [{ topic: 't', partitions }] }));
    // Far more than the system's own buffers take.
    const sent = 60;
    const client = await connect();
    client.socket.pause();
    for (let at = 0; at < sent; at += 1) client.send('fetch', 12, fetch);
    const answering = (async () => {
      for (let at = 0; at < sent; at += 1) {
        await broker.untilAsked(at + 1);
        broker.at(at).answer(megabyte);
      }
    })();
    const other = await connect();
    for (let turn = 0; turn < 200; turn += 1)
      await other.call('apiVersions', 0, apis.apiVersions.request.create());
    expect(broker.asked.length).toBeLessThan(sent / 2);
    client.socket.resume();
    await answering;
    expect(await client.nextIds(sent)).toEqual(Array.from({ length: sent }, (_, at) => at + 1));
  });

  test('a throttled client is answered at once, and read again later (KIP-219)', async () => {
    const { broker, connect } = await started();
    const client = await connect();
    const first = client.send('metadata', 9, metadata);
    await broker.untilAsked(1);
    broker.at(0).answer({ kind: 'answered', body: apis.metadata.response.create(), throttleMs: 50 });
    expect(await client.nextIds(1)).toEqual([first]);
    const throttledAtMs = performance.now();
    client.send('metadata', 9, metadata);
    await broker.untilAsked(2);
    // Timers may be a little early; a request that was not held at all is here within a millisecond or two.
    expect(performance.now() - throttledAtMs).toBeGreaterThan(20);
  });

  test.each([
    ['a frame that is too long', Buffer.from([0x7f, 0xff, 0xff, 0xff]), /frame of 2147483647 bytes/],
    ['a frame of negative length', Buffer.from([0xff, 0xff, 0xff, 0xff]), /frame of -1 bytes/],
    ['another protocol', Buffer.from('GET / HTTP/1.1\r\n\r\n'), /frame of \d+ bytes/],
    ['an API that is not there', Buffer.from([0, 0, 0, 8, 3, 0xe7, 0, 0, 0, 0, 0, 1]), /API 999/],
    ['a version that is not there', Buffer.from([0, 0, 0, 8, 0, 3, 0, 99, 0, 0, 0, 1]), /metadata v99/],
    ['a request that ends too early', Buffer.from([0, 0, 0, 8, 0, 3, 0, 9, 0, 0, 0, 1]), /ends/],
  ])('%s ends the connection, and nothing of it comes to the broker', async (_, bytes, reason) => {
    const { broker, connect, refused } = await started();
    const client = await connect();
    client.socket.write(bytes);
    await client.closed();
    expect(refused).toEqual([expect.stringMatching(reason)]);
    expect(broker.asked).toEqual([]);
  });

  test('connections beyond the bound are closed, and there is room again when one leaves', async () => {
    const { connect, server } = await started();
    const clients = [await connect(), await connect(), await connect()];
    for (const client of clients) await client.call('apiVersions', 0, apis.apiVersions.request.create());
    const fourth = await connect();
    await fourth.closed();
    expect(server.counters).toMatchObject({ connections: 3, connectionsRefused: 1 });
  });

  test('a connection that says nothing is closed; one that waits for its answer is not', async () => {
    const { broker, connect } = await started(plain, { idleMs: 100 });
    const [waiting, silent] = [await connect(), await connect()];
    const id = waiting.send('metadata', 9, metadata);
    await broker.untilAsked(1);
    await silent.closed();
    broker.at(0).answer(noTopics);
    expect(await waiting.nextIds(1)).toEqual([id]);
    await waiting.closed();
  });

  test('a server that stops lets what is under way end', async () => {
    const { broker, connect, server } = await started();
    const client = await connect();
    const id = client.send('metadata', 9, metadata);
    await broker.untilAsked(1);
    const stopped = server.stop(60_000);
    broker.at(0).answer(noTopics);
    expect(await client.nextIds(2)).toEqual([id, undefined]);
    await stopped;
  });
});

describe('ApiVersions', () => {
  test('a version that nobody knows gets version 0 and error 35 (KIP-511)', async () => {
    const { connect } = await started();
    const client = await connect();
    // Version 9 of ApiVersions, correlation id 5, and a body of which nothing is known.
    client.socket.write(Buffer.from([0, 0, 0, 11, 0, 18, 0, 9, 0, 0, 0, 5, 1, 2, 3]));
    const frame = await client.next();
    const { correlationId, body } = decodeResponse(frame ?? Buffer.alloc(0), {
      api: 'apiVersions',
      version: 9,
    });
    expect(correlationId).toBe(5);
    expect(body.errorCode).toBe(kafkaErrors.UNSUPPORTED_VERSION);
    expect(body.apiKeys).toContainEqual({ apiKey: 18, minVersion: 0, maxVersion: 4 });
  });

  test('what only brokers say to each other is not offered, and not taken', async () => {
    const { connect, refused } = await started();
    const client = await connect();
    const { apiKeys } = await client.call('apiVersions', 0, apis.apiVersions.request.create());
    expect(apiKeys.map(({ apiKey }) => apiKey)).not.toContain(apis.writeTxnMarkers.key);
    client.send('writeTxnMarkers', 0, apis.writeTxnMarkers.request.create());
    await client.closed();
    expect(refused).toEqual(['writeTxnMarkers is not for clients']);
  });

  test.each([
    ['', '1.0', kafkaErrors.INVALID_REQUEST],
    ['bad name', '1.0', kafkaErrors.INVALID_REQUEST],
    ['good-name', '1.0.', kafkaErrors.INVALID_REQUEST],
    ['good-name', '1.0', kafkaErrors.NONE],
  ])('software that calls itself %j %j gets %i', async (clientSoftwareName, clientSoftwareVersion, error) => {
    const { connect } = await started();
    const client = await connect();
    const request = apis.apiVersions.request.create({ clientSoftwareName, clientSoftwareVersion });
    expect((await client.call('apiVersions', 3, request)).errorCode).toBe(error);
  });
});

describe('a listener that asks who it is', () => {
  const handshake = (mechanism: string) => apis.saslHandshake.request.create({ mechanism });
  const token = (text: string) => apis.saslAuthenticate.request.create({ authBytes: Buffer.from(text) });

  test('who has logged in is known by name', async () => {
    const { broker, connect, server } = await started(sasl);
    const client = await connect();
    await client.call('apiVersions', 0, apis.apiVersions.request.create());
    expect((await client.call('saslHandshake', 1, handshake('PLAIN'))).errorCode).toBe(0);
    expect((await client.call('saslAuthenticate', 2, token('\0alice\0pencil'))).errorCode).toBe(0);
    client.send('metadata', 9, metadata);
    await broker.untilAsked(1);
    expect(broker.at(0).request.client).toMatchObject({ principal: 'User:alice', listener: 'LOGIN' });
    expect(server.counters).toMatchObject({ authenticationsSucceeded: 1, authenticationsFailed: 0 });
  });

  test('a wrong password is told, then the connection ends', async () => {
    const { connect, failed } = await started(sasl);
    const client = await connect();
    await client.call('saslHandshake', 1, handshake('PLAIN'));
    const { errorCode, errorMessage } = await client.call('saslAuthenticate', 1, token('\0alice\0pen'));
    expect(errorCode).toBe(kafkaErrors.SASL_AUTHENTICATION_FAILED);
    expect(errorMessage).toMatch(/Invalid username or password/);
    await client.closed();
    expect(failed).toEqual([expect.objectContaining({ listener: 'LOGIN', mechanism: 'PLAIN' })]);
  });

  test('a mechanism that is not there gets the list of those that are, then the connection ends', async () => {
    const { connect } = await started(sasl);
    const client = await connect();
    const answer = await client.call('saslHandshake', 1, handshake('GSSAPI'));
    expect(answer).toEqual({
      errorCode: kafkaErrors.UNSUPPORTED_SASL_MECHANISM,
      mechanisms: ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'],
    });
    await client.closed();
  });

  test('whoever asks for anything before it has logged in is shown out', async () => {
    const { broker, connect, refused } = await started(sasl);
    const client = await connect();
    client.send('metadata', 9, metadata);
    await client.closed();
    expect(refused).toEqual(['metadata came before its client had logged in']);
    expect(broker.asked).toEqual([]);
  });

  test('after a handshake of version 0 tokens come in bare frames (KIP-43)', async () => {
    const { broker, connect } = await started(sasl);
    const client = await connect();
    await client.call('saslHandshake', 0, handshake('PLAIN'));
    const bytes = Buffer.from('\0alice\0pencil');
    client.socket.write(Buffer.concat([Buffer.from([0, 0, 0, bytes.length]), bytes]));
    expect(await client.next()).toHaveLength(0);
    client.send('metadata', 9, metadata);
    await broker.untilAsked(1);
    expect(broker.at(0).request.client.principal).toBe('User:alice');
  });

  test('a listener that asks for nobody knows no handshake', async () => {
    const { broker, connect } = await started(plain);
    const client = await connect();
    const { errorCode } = await client.call('saslHandshake', 1, handshake('PLAIN'));
    expect(errorCode).toBe(kafkaErrors.ILLEGAL_SASL_STATE);
    expect((await client.call('saslAuthenticate', 1, token('x'))).errorCode).toBe(
      kafkaErrors.ILLEGAL_SASL_STATE,
    );
    client.send('metadata', 9, metadata);
    await broker.untilAsked(1);
  });
});
