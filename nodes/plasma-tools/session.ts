import { type Command, Option } from 'commander';
import { randomUUID } from 'node:crypto';
import { setTimeout as after } from 'node:timers/promises';

import { formatAddress, parseAddress } from '../../adapters/config/address.ts';
import { type ClientCredentials } from '../../adapters/grpc/client.ts';
import { PlasmaClient } from '../../adapters/grpc/plasma-client.ts';
import {
  type PlasmaMutation,
  type PlasmaRefusal,
  type PlasmaRequest,
  type PlasmaResponse,
} from '../../core/plasma/api.ts';
import { exitCodes, ExitError } from '../exit.ts';
import { integer } from '../kv/options.ts';
import { credentialsOf, endpointsOf } from '../kv/session.ts';

/** Options that every command of PlasmaVMC has. */
export interface PlasmaOptions {
  readonly endpoints: string;
  readonly project: string;
  readonly timeout: number;
  readonly cacert?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly json?: boolean;
}

export type Answer = Exclude<PlasmaResponse, PlasmaRefusal>;
export type AnswerOf<Kind extends Answer['kind']> = Extract<Answer, { kind: Kind }>;
/** Without what the tool adds. */
export type MutationAsked = PlasmaMutation extends infer One
  ? One extends PlasmaMutation
    ? Omit<One, 'operationId' | 'project'>
    : never
  : never;

const msPerSecond = 1_000;
const attemptMsMax = 5_000;
const pauseMs = 100;
/** Refusals after which the same request may be asked again. */
const again = new Set<PlasmaRefusal['code']>(['NOT_LEADER', 'UNAVAILABLE', 'TOO_MANY_REQUESTS']);

export function withServers(command: Command): Command {
  return command
    .addOption(
      new Option('--endpoints <list>', 'servers to ask, host:port,host:port, each at its position')
        .default('127.0.0.1:7070')
        .env('PHOTON_PLASMA_ENDPOINTS'),
    )
    .addOption(new Option('--project <name>', 'project').default('default').env('PHOTON_PLASMA_PROJECT'))
    .addOption(
      new Option('--cacert <file>', 'speak TLS, with servers that this authority vouches for').env(
        'PHOTON_PLASMA_CACERT',
      ),
    )
    .addOption(
      new Option('--cert <file>', 'certificate to show over TLS; with --key').env('PHOTON_PLASMA_CERT'),
    )
    .addOption(new Option('--key <file>', 'private key of --cert').env('PHOTON_PLASMA_KEY'))
    .addOption(new Option('--timeout <seconds>', 'how long to try a call').default(10).argParser(integer(1)))
    .option('--json', 'print JSON');
}

/**
 * Asks servers until one answers: the one that leads, where that is known. Whoever refuses names it by its address, which need
 * not be among those that were named here.
 */
export class PlasmaSession {
  readonly clients: readonly PlasmaClient[];
  readonly project: string;
  readonly #timeoutMs: number;
  readonly #tls: ClientCredentials | undefined;
  /** Of the servers that were named, as `clients`. */
  readonly addresses: readonly string[];
  #server = 0;
  /** A server that was not named here, and that others have pointed to. */
  #pointed: { readonly address: string; readonly client: PlasmaClient } | undefined;
  #asksPointed = false;

  constructor(options: PlasmaOptions, command: string) {
    const tls = credentialsOf(options, command);
    const endpoints = endpointsOf(options.endpoints, command);
    this.#tls = tls;
    this.addresses = endpoints.map(formatAddress);
    this.clients = endpoints.map((address) => new PlasmaClient({ address, tls }));
    this.project = options.project;
    this.#timeoutMs = options.timeout * msPerSecond;
  }

  get client(): PlasmaClient {
    if (this.#asksPointed && this.#pointed !== undefined) return this.#pointed.client;
    return this.clients[this.#server % this.clients.length] as PlasmaClient;
  }

  /** Under one operation id, whoever is asked and however often: it is done once. @throws ExitError */
  mutate(mutation: MutationAsked, operationId: string = randomUUID()): Promise<AnswerOf<'committed'>> {
    const request = { ...mutation, project: this.project, operationId } as PlasmaMutation;
    return this.ask<'committed'>(request);
  }

  /** @param extraMs on top of the time that a call has, for one that waits. @throws ExitError */
  async ask<Kind extends Answer['kind']>(request: PlasmaRequest, extraMs = 0): Promise<AnswerOf<Kind>> {
    const untilMs = performance.now() + this.#timeoutMs + extraMs;
    const isMutation = 'operationId' in request && request.kind !== 'operationGet';
    for (;;) {
      const leftMs = untilMs - performance.now();
      let why: string;
      const asked = this.client;
      try {
        const response = await asked.user(request, Math.min(attemptMsMax + extraMs, leftMs));
        if (response.kind !== 'refused') return response as AnswerOf<Kind>;
        if (!again.has(response.code)) throw new ExitError(`refused: ${response.message}`, exitCodes.failed);
        why = response.message;
        if (asked === this.client) this.#turnTo(response);
      } catch (error) {
        if (error instanceof ExitError) throw error;
        why = (error as Error).message;
        // What an earlier choice has come to says nothing of the present one: several may ask at once.
        if (asked === this.client) this.#turnToNext();
      }
      if (untilMs - performance.now() > pauseMs) await after(pauseMs);
      else if (!isMutation) throw new ExitError(`no answer: ${why}`, exitCodes.failed);
      else throw new ExitError(`nobody knows whether it was done: ${why}`, exitCodes.unknown);
    }
  }

  close(): void {
    for (const client of this.clients) client.close();
    this.#pointed?.client.close();
  }

  #turnTo({ leader, leaderAddress }: PlasmaRefusal): void {
    const address = leaderAddress === undefined ? undefined : parseAddress(leaderAddress);
    if (leaderAddress === undefined || address === undefined) {
      if (leader === undefined || leader >= this.clients.length) this.#turnToNext();
      else this.#turnToNamed(leader);
      return;
    }
    const named = this.addresses.indexOf(leaderAddress);
    if (named >= 0) {
      this.#turnToNamed(named);
      return;
    }
    if (this.#pointed?.address !== leaderAddress) {
      this.#pointed?.client.close();
      this.#pointed = {
        address: leaderAddress,
        client: new PlasmaClient({ address, tls: this.#tls }),
      };
    }
    this.#asksPointed = true;
  }

  #turnToNamed(server: number): void {
    this.#asksPointed = false;
    this.#server = server;
  }

  /** After one that others had pointed to it is the same one's turn again: it may know better by now. */
  #turnToNext(): void {
    this.#turnToNamed(this.#asksPointed ? this.#server : this.#server + 1);
  }
}

/** Runs with a session, and closes it. @throws ExitError that names the command */
export async function withPlasma(
  options: PlasmaOptions,
  command: string,
  run: (session: PlasmaSession) => Promise<void>,
): Promise<void> {
  const session = new PlasmaSession(options, command);
  try {
    await run(session);
  } catch (error) {
    if (!(error instanceof ExitError)) throw error;
    throw new ExitError(`${command}: ${error.message}`, error.exitCode, { cause: error });
  } finally {
    session.close();
  }
}
