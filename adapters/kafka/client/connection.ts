import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

import {
  type ApiName,
  apiNames,
  apis,
  type RequestOf,
  type ResponseOf,
} from '../../../core/wire/kafka/apis.ts';
import { correlationIdOf, decodeResponse, encodeRequest } from '../../../core/wire/kafka/calls.ts';
import { kafkaErrorOf } from '../../../core/wire/kafka/error-codes.ts';
import { KafkaFrames } from '../../../core/wire/kafka/frames.ts';
import { type Chunk } from '../../../core/wire/kafka/writer.ts';
import { type Address, formatAddress } from '../../config/address.ts';
import { KafkaClientError, refusedBy } from './errors.ts';
import { inFlightMax, type KafkaClientOptions, responseBytesMax, type SaslUser } from './options.ts';
import { exchangeOf } from './sasl.ts';

/** A request that waits for its answer. */
interface Waiting {
  readonly api: ApiName;
  readonly version: number;
  readonly resolve: (body: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly timer: NodeJS.Timeout;
}

/** What this client calls itself (KIP-511). */
const software = { clientSoftwareName: 'photon', clientSoftwareVersion: '0.1.0' };

/** A connection to one broker: versions agreed, user logged in. Answers come in the order of their requests. */
export class BrokerConnection {
  readonly address: Address;
  readonly #clientId: string;
  readonly #socket: Socket;
  readonly #frames = new KafkaFrames(responseBytesMax);
  readonly #waiting = new Map<number, Waiting>();
  #versions: ReadonlyMap<ApiName, number> = new Map();
  #correlationId = 0;
  /** Why it has ended; undefined: it has not. */
  #end: KafkaClientError | undefined;

  private constructor(address: Address, clientId: string, socket: Socket) {
    this.address = address;
    this.#clientId = clientId;
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (piece) => this.#onData(piece));
    socket.on('error', (error) => this.#finish(`${formatAddress(address)}: ${error.message}`, error));
    socket.on('close', () => this.#finish(`${formatAddress(address)} has closed the connection`));
  }

  /**
   * @throws KafkaClientError when nobody answers there in time, speaks this protocol, or lets the user in
   */
  static async open(
    address: Address,
    options: Pick<KafkaClientOptions, 'tls' | 'sasl' | 'clientId'>,
    timeoutMs: number,
  ): Promise<BrokerConnection> {
    const socket = await connected(address, options, timeoutMs);
    const connection = new BrokerConnection(address, options.clientId, socket);
    try {
      await connection.#agreeOnVersions(timeoutMs);
      if (options.sasl !== undefined) await connection.#logIn(options.sasl, timeoutMs);
      return connection;
    } catch (error) {
      connection.close();
      // Nothing was asked for yet; so does a broker end that wants to see a certificate.
      if (error instanceof KafkaClientError && error.outcome === 'unknown') {
        throw new KafkaClientError(error.message, 'failed', { cause: error });
      }
      throw error;
    }
  }

  get isOpen(): boolean {
    return this.#end === undefined;
  }

  /** The highest version that both sides speak; undefined: there is none. */
  versionOf(api: ApiName): number | undefined {
    return this.#versions.get(api);
  }

  /**
   * @param versionMax where a higher one would mean something else
   * @throws KafkaClientError when the broker does not speak this API, does not answer in time, or goes
   */
  call<A extends ApiName>(
    api: A,
    body: RequestOf<A>,
    { timeoutMs, versionMax = Infinity }: { readonly timeoutMs: number; readonly versionMax?: number },
  ): Promise<ResponseOf<A>> {
    const known = this.#versions.get(api);
    if (known === undefined) {
      throw refusedBy(`${formatAddress(this.address)}: ${api}`, 'UNSUPPORTED_VERSION');
    }
    return this.#call(api, Math.min(known, versionMax), body, timeoutMs);
  }

  /** Sends what has no answer: a produce request with acks=0. @throws KafkaClientError when the connection has ended */
  tell<A extends ApiName>(api: A, body: RequestOf<A>): void {
    const version = this.#versions.get(api);
    if (version === undefined || this.#end !== undefined) {
      throw this.#end ?? new KafkaClientError(`${formatAddress(this.address)} has no API ${api}`, 'failed');
    }
    this.#send(api, version, body);
  }

  /** Resolves when what was sent has left this process. */
  flushed(): Promise<void> {
    return new Promise((resolve) => {
      this.#socket.write(new Uint8Array(0), () => resolve());
    });
  }

  close(): void {
    this.#finish('the connection was closed here');
    this.#socket.destroy();
  }

  #call<A extends ApiName>(
    api: A,
    version: number,
    body: RequestOf<A>,
    timeoutMs: number,
  ): Promise<ResponseOf<A>> {
    if (this.#end !== undefined)
      throw new KafkaClientError(this.#end.message, 'failed', { cause: this.#end });
    if (this.#waiting.size >= inFlightMax) {
      throw new KafkaClientError(
        `${inFlightMax} requests wait for ${formatAddress(this.address)} already`,
        'failed',
      );
    }
    const correlationId = this.#send(api, version, body);
    return new Promise((resolve, reject) => {
      // Whoever does not answer one request will not answer those behind it: answers come in order.
      const timer = setTimeout(() => {
        this.#finish(`${formatAddress(this.address)} did not answer ${api} within ${timeoutMs} ms`);
      }, timeoutMs);
      const waiting = { api, version, resolve: resolve as (body: unknown) => void, reject, timer };
      this.#waiting.set(correlationId, waiting);
    });
  }

  #send<A extends ApiName>(api: A, version: number, body: RequestOf<A>): number {
    const correlationId = this.#correlationId;
    this.#correlationId = (correlationId + 1) & 0x7fffffff;
    const { chunks } = encodeRequest({ api, version, correlationId, clientId: this.#clientId }, body);
    this.#socket.cork();
    for (const chunk of chunks) this.#socket.write(inMemory(chunk));
    this.#socket.uncork();
    return correlationId;
  }

  #onData(piece: Buffer): void {
    if (this.#end !== undefined) return;
    try {
      this.#frames.push(piece);
      for (let frame = this.#frames.next(); frame !== undefined; frame = this.#frames.next()) {
        this.#onFrame(frame);
      }
    } catch (error) {
      this.#finish(`${formatAddress(this.address)} answered with what is no answer: ${textOf(error)}`, error);
    }
  }

  #onFrame(frame: Uint8Array): void {
    const correlationId = correlationIdOf(frame);
    const waiting = this.#waiting.get(correlationId);
    if (waiting === undefined) throw new Error(`request ${correlationId} was never made`);
    const { body } = decodeResponse(frame, waiting);
    this.#waiting.delete(correlationId);
    clearTimeout(waiting.timer);
    waiting.resolve(body);
  }

  #finish(message: string, cause?: unknown): void {
    if (this.#end !== undefined) return;
    this.#end = new KafkaClientError(message, 'unknown', cause === undefined ? {} : { cause });
    this.#socket.destroy();
    for (const { reject, timer } of this.#waiting.values()) {
      clearTimeout(timer);
      reject(this.#end);
    }
    this.#waiting.clear();
  }

  async #agreeOnVersions(timeoutMs: number): Promise<void> {
    const { request, max } = apis.apiVersions;
    let body = await this.#call('apiVersions', Math.min(max, 3), request.create(software), timeoutMs);
    if (kafkaErrorOf(body.errorCode) === 'UNSUPPORTED_VERSION') {
      body = await this.#call('apiVersions', 0, request.create(), timeoutMs);
    }
    if (body.errorCode !== 0) throw refusedBy('ApiVersions', kafkaErrorOf(body.errorCode));
    const offered = new Map(body.apiKeys.map((offer) => [offer.apiKey, offer]));
    const versions = new Map<ApiName, number>();
    for (const name of apiNames) {
      const own = apis[name];
      const theirs = offered.get(own.key);
      if (theirs === undefined) continue;
      const version = Math.min(own.max, theirs.maxVersion);
      if (version >= Math.max(own.min, theirs.minVersion)) versions.set(name, version);
    }
    this.#versions = versions;
  }

  async #logIn(user: SaslUser, timeoutMs: number): Promise<void> {
    const limits = { timeoutMs };
    const { mechanism } = user;
    const shaken = await this.call('saslHandshake', { mechanism }, limits);
    if (shaken.errorCode !== 0) {
      const offered = `the broker has ${shaken.mechanisms.join(', ')}`;
      throw refusedBy(`SASL ${mechanism}`, kafkaErrorOf(shaken.errorCode), offered);
    }
    const exchange = exchangeOf(user);
    let token: Uint8Array | undefined = exchange.first();
    while (token !== undefined) {
      const answer: ResponseOf<'saslAuthenticate'> = await this.call(
        'saslAuthenticate',
        { authBytes: token },
        limits,
      );
      if (answer.errorCode !== 0) {
        throw refusedBy(`${user.name} is not let in`, kafkaErrorOf(answer.errorCode), answer.errorMessage);
      }
      token = await exchange.next(answer.authBytes);
    }
  }
}

async function connected(
  address: Address,
  { tls }: Pick<KafkaClientOptions, 'tls'>,
  timeoutMs: number,
): Promise<Socket> {
  const { host, port } = address;
  const socket =
    tls === undefined
      ? connectTcp({ host, port })
      : connectTls({
          host,
          port,
          ...(tls.ca === undefined ? {} : { ca: tls.ca }),
          ...(tls.cert === undefined || tls.key === undefined ? {} : { cert: tls.cert, key: tls.key }),
          // An address is no name that could be asked for.
          ...(isIP(host) === 0 ? { servername: host } : {}),
        });
  const place = formatAddress(address);
  return new Promise((resolve, reject) => {
    const fail = (message: string, cause?: unknown) => {
      clearTimeout(timer);
      socket.destroy();
      reject(new KafkaClientError(`${place}: ${message}`, 'failed', { cause }));
    };
    const timer = setTimeout(() => fail(`nobody answered within ${timeoutMs} ms`), timeoutMs);
    socket.once('error', (error) => fail(error.message || String(error), error));
    socket.once(tls === undefined ? 'connect' : 'secureConnect', () => {
      clearTimeout(timer);
      socket.removeAllListeners('error');
      resolve(socket);
    });
  });
}

function inMemory(chunk: Chunk): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk;
  throw new KafkaClientError('a client sends records from memory', 'failed');
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
