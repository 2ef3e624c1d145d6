import { type Socket } from 'node:net';

/** A guard of 65,536 instances has some 10 MB. */
const lineCharsMax = 32 * 1_024 * 1_024;

/** Calls with each line that comes, as JSON. Whoever sends what is none, or too much of it, is cut off. */
export function onJsonLines(socket: Socket, take: (value: unknown) => void): void {
  /** Of the line that has not ended yet. Only what is new is searched for its end: a long line comes in many pieces. */
  let pieces: string[] = [];
  let chars = 0;
  socket.setEncoding('utf8');
  socket.on('data', (text: string) => {
    const ended = text.split('\n');
    const rest = ended.pop() ?? '';
    for (const piece of ended) {
      pieces.push(piece);
      const line = pieces.join('');
      pieces = [];
      chars = 0;
      let value: unknown;
      try {
        value = JSON.parse(line);
      } catch {
        // Nothing that speaks this protocol sends it.
        socket.destroy();
        return;
      }
      take(value);
    }
    pieces.push(rest);
    chars += rest.length;
    if (chars > lineCharsMax) socket.destroy();
  });
}
