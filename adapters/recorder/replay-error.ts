/** The machine asks for something else than it asked for when it was recorded, or not for what it did. */
export class ReplayDifference extends Error {
  override readonly name = 'ReplayDifference';
}

/** The recording ends in the middle of a step: what was known of it is lost. */
export class RecordingEnd extends Error {
  override readonly name = 'RecordingEnd';
}

/** What a port of the recorded machine threw, as far as it is known: its message. */
export class RecordedFailure extends Error {
  override readonly name = 'RecordedFailure';
}
