import { assert } from '../base/assert.ts';
import { WireReader } from '../wire/reader.ts';
import { WireWriter } from '../wire/writer.ts';

/** Lives of members remembered within a term; a member would have to restart this often while one leader stays. */
export const sessionsMax = 256;
/** Gaps remembered in a life's numbers (proposals that were lost, or are late). */
export const spansMax = 64;

interface Session {
  readonly member: number;
  readonly boot: number;
  /** Numbers at or below are taken as seen. */
  floor: number;
  /** Numbers seen above the floor: from, to, from, to, …, ascending, with gaps between. */
  spans: number[];
}

/**
 * Which proposals were applied, so that one that the network delivered twice is applied once. Part of the replicated
 * state: every member refuses the same ones.
 *
 * A follower's proposal travels in a message of a term, and only the leader of that term takes it; so both copies end up in
 * entries of the same term, and what was seen in earlier terms need not be remembered. Copies may come late and out of
 * order. Where memory ends (`spansMax`), an old number counts as seen: its proposer is told nothing and times out, not
 * knowing the outcome, which is true of it.
 */
export class Origins {
  #term = 0;
  /** In order of last use. */
  #sessions: Session[] = [];

  /** Notes a command of an entry of `term`; false when it was seen before. Terms never go back. */
  accept(
    origin: { readonly member: number; readonly boot: number; readonly seq: number },
    term: number,
  ): boolean {
    assert(term >= this.#term, 'terms of entries never go back');
    if (term > this.#term) {
      this.#term = term;
      this.#sessions = [];
    }
    return see(this.#sessionOf(origin.member, origin.boot), origin.seq);
  }

  encode(): Uint8Array {
    const writer = new WireWriter();
    writer.varint(this.#term);
    writer.varint(this.#sessions.length);
    for (const session of this.#sessions) {
      writer.varint(session.member);
      writer.varint(session.boot);
      writer.varint(session.floor);
      writer.varint(session.spans.length);
      for (const edge of session.spans) writer.varint(edge);
    }
    return writer.finish();
  }

  static decode(bytes: Uint8Array | undefined): Origins {
    const origins = new Origins();
    if (bytes === undefined) return origins;
    const reader = new WireReader(bytes);
    origins.#term = reader.varint();
    const sessions = reader.varint();
    for (let at = 0; at < sessions; at += 1) {
      const session = {
        member: reader.varint(),
        boot: reader.varint(),
        floor: reader.varint(),
        spans: [] as number[],
      };
      const edges = reader.varint();
      for (let edge = 0; edge < edges; edge += 1) session.spans.push(reader.varint());
      origins.#sessions.push(session);
    }
    return origins;
  }

  #sessionOf(member: number, boot: number): Session {
    const sessions = this.#sessions;
    for (let at = sessions.length - 1; at >= 0; at -= 1) {
      const session = sessions[at] as Session;
      if (session.boot !== boot || session.member !== member) continue;
      if (at < sessions.length - 1) {
        sessions.splice(at, 1);
        sessions.push(session);
      }
      return session;
    }
    const session = { member, boot, floor: 0, spans: [] };
    if (sessions.length === sessionsMax) sessions.shift();
    sessions.push(session);
    return session;
  }
}

/** Adds a number to what a life has shown; false when it is there. */
function see(session: Session, seq: number): boolean {
  const { spans } = session;
  if (seq <= session.floor) return false;
  // The place of the first span that ends at or behind the number's predecessor; nearly always the last one.
  let at = spans.length;
  while (at > 0 && (spans[at - 1] as number) >= seq - 1) at -= 2;
  const from = spans[at];
  const to = spans[at + 1];
  if (from === undefined || to === undefined || seq < from - 1) {
    spans.splice(at, 0, seq, seq);
  } else if (seq >= from && seq <= to) {
    return false;
  } else if (seq === from - 1) {
    spans[at] = seq;
  } else {
    spans[at + 1] = seq;
    // The gap to the next span may just have closed.
    if (spans[at + 2] === seq + 1) spans.splice(at + 1, 2);
  }
  if (spans.length > 2 * spansMax) {
    session.floor = spans[1] as number;
    spans.splice(0, 2);
  }
  return true;
}
