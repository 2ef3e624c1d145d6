import { passMap, type StateForm } from '../../base/capture.ts';

interface HeldToken {
  readonly user: string;
  readonly deadlineUs: number;
}

/** Beyond it the one that was used longest ago ends. */
const tokensMax = 100_000;

/**
 * The tokens that this member accepts, by their digests. Each member learns of a token from the log, and counts its time to
 * live by its own clock from its last use here: how long a token lives is no part of what is replicated, and nothing that
 * is depends on it. A restart or a snapshot forgets them; their owners show their passwords again.
 */
export class Tokens {
  readonly #ttlUs: number;
  /** Least recently used first. */
  readonly #held = new Map<string, HeldToken>();

  constructor(ttlUs: number) {
    this.#ttlUs = ttlUs;
  }

  get size(): number {
    return this.#held.size;
  }

  assigned(digest: string, user: string, nowUs: number): void {
    this.#hold(digest, user, nowUs);
    for (const [oldest, { deadlineUs }] of this.#held) {
      if (deadlineUs > nowUs && this.#held.size <= tokensMax) break;
      this.#held.delete(oldest);
    }
  }

  /** Whose it is; to use it is to begin its time to live anew. */
  use(digest: string, nowUs: number): string | undefined {
    const held = this.#held.get(digest);
    if (held === undefined) return undefined;
    if (held.deadlineUs <= nowUs) {
      this.#held.delete(digest);
      return undefined;
    }
    this.#hold(digest, held.user, nowUs);
    return held.user;
  }

  /** Whose it is, or was: whoever only asks does not use it. */
  ownerOf(digest: string): string | undefined {
    return this.#held.get(digest)?.user;
  }

  revoke(user: string): void {
    for (const [digest, held] of this.#held) if (held.user === user) this.#held.delete(digest);
  }

  clear(): void {
    this.#held.clear();
  }

  passState(form: StateForm): void {
    passMap(form, 'held', this.#held, {
      blank: ['', { user: '', deadlineUs: 0 }],
      pass: (row, [digest, { user, deadlineUs }]) => [
        row.text('digest', digest),
        { user: row.text('user', user), deadlineUs: row.number('deadlineUs', deadlineUs) },
      ],
    });
  }

  #hold(digest: string, user: string, nowUs: number): void {
    this.#held.delete(digest);
    this.#held.set(digest, { user, deadlineUs: nowUs + this.#ttlUs });
  }
}
