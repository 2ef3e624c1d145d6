import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { type ApiName, apiNames, apis, type KafkaCall } from '../../../../core/wire/kafka/apis.ts';
import { type Message } from '../../../../core/wire/kafka/schema.ts';
import { anyBody } from '../../wire/kafka/samples.ts';
import { brokersWithTopic, topic } from '../test-client.ts';
import { anonymous, type TestBrokers } from '../three-brokers.ts';

/** The adapter's own: a machine never meets them. */
const adaptersOwn: ReadonlySet<ApiName> = new Set(['apiVersions', 'saslHandshake', 'saslAuthenticate']);
const machines = apiNames.filter((api) => !adaptersOwn.has(api));
/** Whatever a client waits for ends by then: no time-out of a sample is longer, since all are cut to this. */
const longestMs = 60_000;

interface Asked {
  readonly api: ApiName;
  readonly version: number;
  readonly body: unknown;
}

function anyCall(api: ApiName): fc.Arbitrary<Asked> {
  const { min, max, request } = apis[api];
  return fc.integer({ min, max }).chain((version) =>
    anyBody({ message: request as unknown as Message<unknown>, version }).map((body) => ({
      api,
      version,
      body,
    })),
  );
}

/** Names that mean something in place of some that do not, and times that pass. */
function sensible(value: unknown, names: boolean): unknown {
  if (Array.isArray(value)) return value.map((one) => sensible(one, names));
  if (value instanceof Uint8Array || typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => {
      if (/(timeoutMs|maxWaitMs)$/i.test(name)) return [name, Math.min(Number(field), longestMs)];
      if (names && typeof field === 'string' && /^(name|topic|resourceName)$/.test(name))
        return [name, topic];
      if (names && typeof field === 'number' && /^(index|partition|partitionIndex)$/.test(name))
        return [name, 0];
      return [name, sensible(field, names)];
    }),
  );
}

function answered(brokers: TestBrokers, { api, version, body }: Asked): boolean {
  const call = { api, version, body } as unknown as KafkaCall;
  const requestId = brokers.request(1, { kind: 'call', call, client: anonymous });
  brokers.runUntil(() => brokers.replies.has(requestId), 2 * longestMs * 1_000);
  const reply = brokers.replies.get(requestId);
  if (reply?.kind !== 'answered') return reply !== undefined;
  // What it holds can be said in the version that was asked in.
  brokers.answer(1, requestId, api, version);
  return true;
}

describe('whatever a client sends', () => {
  test.each(machines)('%s is answered, in words of its version, and the broker goes on', (api) => {
    fc.assert(
      fc.property(fc.array(fc.tuple(anyCall(api), fc.boolean()), { minLength: 1, maxLength: 6 }), (calls) => {
        const brokers = brokersWithTopic(1, { settings: { internalTopicPartitions: 2 } });
        for (const [call, names] of calls) {
          expect(answered(brokers, { ...call, body: sensible(call.body, names) })).toBe(true);
        }
        expect(brokers.node(1).up).toBe(true);
      }),
      { numRuns: 15, seed: 1 },
    );
  });
});
