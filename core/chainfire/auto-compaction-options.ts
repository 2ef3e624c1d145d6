/** What of the history is kept where compaction goes by itself. */
export type AutoCompactionOptions = RetentionByTime | RetentionByRevisions;

/** Whatever is younger; compacted once in this time, or once an hour where that is more often. */
export interface RetentionByTime {
  readonly retentionUs: number;
}

/** So many revisions below the newest; compacted once in `intervalUs`. */
export interface RetentionByRevisions {
  readonly revisions: number;
  readonly intervalUs: number;
}
