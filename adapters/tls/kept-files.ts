import { statSync } from 'node:fs';

export interface KeptFilesOptions<Content> {
  readonly files: readonly string[];
  /** Reads all of them. @throws Error naming what is wrong */
  readonly read: () => Content;
  /** They were replaced, and this is what they say now. */
  readonly onChanged: (content: Content) => void;
  /** They were changed into something that cannot be used: what they said before is kept. Once for each change. */
  readonly onUnusable: (error: Error) => void;
}

/**
 * What files say that may be replaced while the process runs. Each look costs a `stat` a file; they are read when one of them has
 * changed. Files that belong together are replaced one after the other: in between they do not fit, and what fitted last counts.
 */
export class KeptFiles<Content> {
  readonly #options: KeptFilesOptions<Content>;
  /** Of the files as they were when they were read last, whether they could be used or not. */
  #seen: string;
  #content: Content;

  /** @throws Error when they cannot be used now */
  constructor(options: KeptFilesOptions<Content>) {
    this.#options = options;
    // Before they are read: what changes meanwhile is seen as a change afterwards.
    this.#seen = marksOf(options.files);
    this.#content = options.read();
  }

  get content(): Content {
    const marks = marksOf(this.#options.files);
    if (marks === this.#seen) return this.#content;
    this.#seen = marks;
    try {
      this.#content = this.#options.read();
    } catch (error) {
      this.#options.onUnusable(error as Error);
      return this.#content;
    }
    this.#options.onChanged(this.#content);
    return this.#content;
  }
}

/** Other than before when a file was written to or replaced. */
function marksOf(files: readonly string[]): string {
  return files
    .map((file) => {
      const found = statSync(file, { bigint: true, throwIfNoEntry: false });
      return found === undefined ? 'absent' : `${found.ino} ${found.size} ${found.mtimeNs}`;
    })
    .join(', ');
}
