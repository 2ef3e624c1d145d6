/**
 * What `FileSegments` needs of an operating system. Methods throw the system's errors (with `code`), or hand them to
 * `onEnd`. `node-file-layer.ts` is the real one; tests put others in its place.
 */
export interface FileLayer {
  /** Makes the directory, not its parents; false when it was there already. */
  makeDirectory(path: string): boolean;
  /** Files and directories in a directory, in any order; what is neither is left out. */
  readDirectory(path: string): readonly DirectoryEntry[];
  /** Opens a file for reading and writing; `create` makes it when it is not there. Returns a descriptor. */
  open(path: string, create: boolean): number;
  close(descriptor: number): void;
  lengthBytes(path: string): number;
  /** Fills `into`, unless the file ends before; returns the number of bytes read. */
  read(descriptor: number, into: Uint8Array, positionBytes: number): number;
  /** Writes all parts, one behind the other, in as few calls as the system takes. */
  write(descriptor: number, parts: readonly Uint8Array[], positionBytes: number): void;
  truncate(descriptor: number, lengthBytes: number): void;
  unlink(path: string): void;
  /** Makes the file's content durable, then calls back; the directory entry is another matter. */
  syncData(descriptor: number, onEnd: (error: Error | undefined) => void): void;
  syncDataNow(descriptor: number): void;
  /** Makes the directory's entries durable, then calls back. */
  syncDirectory(path: string, onEnd: (error: Error | undefined) => void): void;
  syncDirectoryNow(path: string): void;
}

export interface DirectoryEntry {
  readonly name: string;
  readonly isDirectory: boolean;
}
