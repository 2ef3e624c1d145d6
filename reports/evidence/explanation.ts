/** What an invariant says, and who says that it must hold. */
export interface Explanation {
  /** One sentence: what was not so. */
  readonly sentence: string;
  /** Paper, system or port that it comes from. */
  readonly source: string;
}
