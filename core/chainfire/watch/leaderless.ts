import { type Links, passSet, type StateForm } from '../../base/capture.ts';
import { blankStream, type WatchStream } from './stream.ts';

/** How long a stream that wants a leader stays without one. */
const leaderlessElections = 3;

/** Streams whose clients want a leader, and since when there has been none. */
export class LeaderlessStreams {
  readonly #graceUs: number;
  readonly #streams = new Set<WatchStream>();
  /** Since when there has been no leader (µs); at first nobody knows of one. */
  #sinceUs: number | undefined = 0;

  constructor(electionTimeoutUs: number) {
    this.#graceUs = leaderlessElections * electionTimeoutUs;
  }

  get hasLeader(): boolean {
    return this.#sinceUs === undefined;
  }

  /** When the streams are to end; `Infinity` while there is a leader, or no stream. */
  get endUs(): number {
    return this.#sinceUs === undefined || this.#streams.size === 0 ? Infinity : this.#sinceUs + this.#graceUs;
  }

  add(stream: WatchStream): void {
    this.#streams.add(stream);
  }

  delete(stream: WatchStream): void {
    this.#streams.delete(stream);
  }

  /** @returns streams that must end now: they have been without a leader for too long */
  look(leaderKnown: boolean, nowUs: number): readonly WatchStream[] {
    if (leaderKnown) this.#sinceUs = undefined;
    else this.#sinceUs ??= nowUs;
    return this.endUs <= nowUs ? [...this.#streams] : [];
  }

  passState(form: StateForm, streams: Links<WatchStream>): void {
    passSet(form, 'streams', this.#streams, blankStream, streams.each);
    this.#sinceUs = form.optional('since', this.#sinceUs, 0, (fields, us) => fields.number('us', us));
  }
}
