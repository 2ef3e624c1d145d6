import { type WireReader } from '../../core/wire/reader.ts';
import { recordName, records } from './format.ts';
import { RecordedFailure, RecordingEnd, ReplayDifference } from './replay-error.ts';
import { type Segment } from './segment.ts';

/** Gives a machine that is stepped again the answers that it was given the first time. */
export class ReplayedAnswers {
  /** A step, or what comes before the first, is under way: what others ask in between was not recorded. */
  isOpen = true;
  readonly #segment: Segment;

  constructor(segment: Segment) {
    this.#segment = segment;
  }

  /**
   * The next answer, which must be one of these.
   *
   * @param question what is asked, for people
   * @param byte of the question, as it was recorded; undefined for an answer that has none
   * @throws ReplayDifference when the recorded machine asked for something else
   * @throws RecordingEnd when it was never written
   */
  take<Kind extends number>(
    kinds: readonly Kind[],
    question: string,
    byte: number | undefined,
  ): { readonly kind: Kind; readonly fields: WireReader } {
    const kind = this.#segment.peek();
    if (kind === undefined) throw new RecordingEnd('the recording ends in the middle of a step');
    if (kind === records.threw) {
      throw new RecordedFailure(this.#segment.take().text());
    }
    const found = kinds.find((candidate) => candidate === kind);
    if (found === undefined) {
      throw new ReplayDifference(
        `the machine asks for ${question} where the recording has ${recordName(kind)}`,
      );
    }
    const fields = this.#segment.take();
    if (byte !== undefined && fields.byte() !== byte) {
      throw new ReplayDifference(
        `the machine asks for ${question}, and was asking for another key or table when it was recorded`,
      );
    }
    return { kind: found, fields };
  }
}
