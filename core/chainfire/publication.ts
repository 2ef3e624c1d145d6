import { type StateForm } from '../base/capture.ts';
import { type MemberAttributes } from './command.ts';
import { type MemberConfig } from './member-protocol.ts';
import { type MemberDirectory } from './members.ts';

/** What this member tells the others of itself, and whether everybody knows it yet. */
export class Publication {
  readonly #directory: MemberDirectory;
  readonly #retryUs: number;
  readonly #attributes: MemberAttributes;
  /** Everybody knows. */
  #published: boolean;
  /** When to say it again, unless that has been applied: lost or refused ones are said again. */
  #againUs = 0;

  constructor(
    config: Pick<MemberConfig, 'id' | 'join' | 'clientUrls' | 'requestTimeoutUs'>,
    directory: MemberDirectory,
  ) {
    this.#directory = directory;
    this.#retryUs = config.requestTimeoutUs;
    const own = directory.initial(config.id) ?? config.join;
    this.#attributes = {
      id: config.id,
      name: own?.name ?? '',
      peerUrls: own?.peerUrls ?? [],
      clientUrls: config.clientUrls,
    };
    this.#published = directory.hasPublished(this.#attributes);
  }

  /** When it is to be said; `Infinity` when everybody knows. It takes a leader. */
  get dueUs(): number {
    return this.#published ? Infinity : this.#againUs;
  }

  /** What to propose now. */
  take(nowUs: number): MemberAttributes {
    this.#againUs = nowUs + this.#retryUs;
    return this.#attributes;
  }

  passState(form: StateForm): void {
    this.#published = form.flag('published', this.#published);
    this.#againUs = form.number('againUs', this.#againUs);
  }

  /** The directory may have changed. */
  look(): void {
    this.#published = this.#directory.hasPublished(this.#attributes);
  }
}
