import { type ResponseOf } from '../grpc/member-methods.ts';
import { type ClientDriver } from './driver.ts';
import { type MemberRequest } from '../../core/chainfire/member-protocol.ts';
import { errorOfOutcome } from './errors.ts';

/** How long a call may take; without it, what `connect` was told. */
export interface Deadline {
  readonly timeoutMs?: number | undefined;
}

/** Calls that throw what did not work. */
export class Caller {
  readonly client: ClientDriver;
  readonly #timeoutMs: number;

  constructor(client: ClientDriver, timeoutMs: number) {
    this.client = client;
    this.#timeoutMs = timeoutMs;
  }

  /** @throws ChainfireError for every outcome but an answer */
  async ask<Request extends MemberRequest>(
    request: Request,
    { timeoutMs }: Deadline,
  ): Promise<ResponseOf<Request['kind']>> {
    const outcome = await this.client.call(request, timeoutMs ?? this.#timeoutMs);
    if (outcome.kind !== 'answered') throw errorOfOutcome(outcome);
    return outcome.response.response as ResponseOf<Request['kind']>;
  }
}
