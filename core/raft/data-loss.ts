/**
 * What this member promised cannot be established from its log any more, so that it may not speak for the group: its
 * newest term and vote may be lost, or it is the only voter and acknowledged entries are gone. The node must not run;
 * the way back is to remove the member and add it anew, or to restore a backup.
 */
export class DataLossError extends Error {
  override readonly name = 'DataLossError';
}
