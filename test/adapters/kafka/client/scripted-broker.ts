import { type SaslMechanism } from '../../../../adapters/kafka/client/options.ts';
import { credentialOf, type Credentials } from '../../../../adapters/kafka/sasl/credentials.ts';
import { KafkaServer } from '../../../../adapters/kafka/server.ts';
import { type BrokerResponse, type SecurityProtocol } from '../../../../core/chronik/broker-protocol.ts';
import { MemorySegments } from '../../../../core/storage/memory-segments.ts';
import { type KafkaCall } from '../../../../core/wire/kafka/apis.ts';

/** What a broker says to a call; `lost`: nothing, the connection ends. */
export type Script = (call: KafkaCall) => object | 'lost';

/** Users whose password is `pencil`. */
export async function usersOf(...names: readonly string[]): Promise<Credentials> {
  const salted = { salt: Buffer.alloc(16, 1), iterations: 4_096 };
  const known = {
    'SCRAM-SHA-256': await credentialOf('SCRAM-SHA-256', 'pencil', salted),
    'SCRAM-SHA-512': await credentialOf('SCRAM-SHA-512', 'pencil', salted),
  } satisfies Partial<Record<SaslMechanism, unknown>>;
  return { scram: (user, mechanism) => (names.includes(user) ? known[mechanism] : undefined) };
}

/** The real server of clients, with a script in the place of a broker. */
export class ScriptedBroker {
  readonly calls: KafkaCall[] = [];
  readonly #server: KafkaServer;

  private constructor(server: KafkaServer, calls: KafkaCall[]) {
    this.#server = server;
    this.calls = calls;
  }

  static async start(
    script: Script,
    protocol: SecurityProtocol = 'PLAINTEXT',
    credentials?: Credentials,
  ): Promise<ScriptedBroker> {
    const calls: KafkaCall[] = [];
    const server = await KafkaServer.listen({
      listeners: [{ name: 'CLIENTS', address: { host: '127.0.0.1', port: 0 }, protocol }],
      port: {
        request: (request) => {
          if (request.kind !== 'call') throw new Error('clients call');
          calls.push(request.call);
          const body = script(request.call);
          const response: BrokerResponse =
            body === 'lost'
              ? { kind: 'disconnect', reason: 'as the script says' }
              : ({ kind: 'answered', body, throttleMs: 0 } as BrokerResponse);
          return Promise.resolve(response);
        },
      },
      segments: new MemorySegments(),
      credentials: credentials ?? { scram: () => undefined },
      limits: {
        requestBytesMax: 1_000_000,
        connectionsMax: 10,
        idleMs: 60_000,
        inFlightMax: 10,
        unsentBytesMax: 1_000_000,
      },
      hooks: {
        onAnswered: () => undefined,
        onSoftware: () => undefined,
        onAuthenticationFailed: () => undefined,
        onRefused: () => undefined,
        onDefect: (error) => {
          throw error;
        },
      },
    });
    return new ScriptedBroker(server, calls);
  }

  get address() {
    return { host: '127.0.0.1', port: this.#server.listeners[0]?.address.port ?? 0 };
  }

  /** How often it was asked this. */
  count(api: KafkaCall['api']): number {
    return this.calls.filter((call) => call.api === api).length;
  }

  stop(): Promise<void> {
    return this.#server.stop(0);
  }
}
