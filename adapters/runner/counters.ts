/** What a runner has done since its start. Read it at any time; the runner alone writes it. */
export interface RunnerCounters {
  turns: number;
  /** Events stepped, ticks included. */
  events: number;
  /** Most events that one turn stepped. */
  turnEventsMax: number;
  requests: number;
  /** Requests that were turned away because the queue was full. */
  requestsOverloaded: number;
  requestsCancelled: number;
  replies: number;
  /** Replies to a request that was cancelled in the meantime. */
  repliesUnwanted: number;
  /** Streams that were opened. */
  streams: number;
  /** Items handed to clients of streams. */
  notified: number;
  receivedMessages: number;
  /** Messages dropped because the queue was full; the sender repeats what matters. */
  receivedDropped: number;
  sentMessages: number;
  syncs: number;
  /** Time that syncs took, in total. */
  syncUs: number;
  persists: number;
  appends: number;
  appendedBytes: number;
  removedFiles: number;
  snapshotsSent: number;
  snapshotsFailed: number;
}

export function newCounters(): RunnerCounters {
  return {
    turns: 0,
    events: 0,
    turnEventsMax: 0,
    requests: 0,
    requestsOverloaded: 0,
    requestsCancelled: 0,
    replies: 0,
    repliesUnwanted: 0,
    streams: 0,
    notified: 0,
    receivedMessages: 0,
    receivedDropped: 0,
    sentMessages: 0,
    syncs: 0,
    syncUs: 0,
    persists: 0,
    appends: 0,
    appendedBytes: 0,
    removedFiles: 0,
    snapshotsSent: 0,
    snapshotsFailed: 0,
  };
}

/** One round of making appends durable, for histograms. */
export interface SyncRound {
  readonly durationUs: number;
  /** Persist effects that the round covered. */
  readonly persists: number;
  readonly appends: number;
  readonly bytes: number;
}
