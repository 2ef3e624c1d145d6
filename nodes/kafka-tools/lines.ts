/** A longer line is refused rather than held. */
const lineBytesMax = 100 * 1_048_576;
const newline = 10;

/** The lines of a stream without their ends, as many at a time as came at once; the last need not end. */
export async function* linesOf(stream: AsyncIterable<Buffer | string>): AsyncGenerator<readonly Buffer[]> {
  let pieces: Buffer[] = [];
  let heldBytes = 0;
  for await (const given of stream) {
    const chunk = typeof given === 'string' ? Buffer.from(given) : given;
    const lines: Buffer[] = [];
    let from = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, from)) {
      lines.push(Buffer.concat([...pieces, chunk.subarray(from, end)]));
      pieces = [];
      heldBytes = 0;
      from = end + 1;
    }
    if (from < chunk.length) {
      pieces.push(chunk.subarray(from));
      heldBytes += chunk.length - from;
      if (heldBytes > lineBytesMax) throw new Error(`a line is longer than ${lineBytesMax} bytes`);
    }
    if (lines.length > 0) yield lines;
  }
  if (pieces.length > 0) yield [Buffer.concat(pieces)];
}
