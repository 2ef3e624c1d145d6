import { assert, present } from '../../core/base/assert.ts';

/**
 * The search for a linearization: Wing and Gong ("Testing and verifying concurrent objects", 1993) with the improvements
 * of Lowe ("Testing for linearizability", 2017): the operation that returns first is tried first and others only when it
 * does not fit (just in time), configurations of (operations linearized, state) are never entered twice, and the state is
 * one, changed in place and undone, rather than copied.
 *
 * To these it adds ranks: where the answers themselves tell the order of operations (revisions do), a ranked operation is
 * linearized only after all of lower rank, which leaves unranked ones alone to be searched for.
 */
export interface SearchMove {
  readonly startUs: number;
  /** Infinity when the outcome is unknown; such a move need not be linearized unless it has a rank. */
  readonly endUs: number;
  /** Unique among the moves of a search; the search does not need them to be dense. */
  readonly rank: number | undefined;
  /**
   * Unranked moves without an end that are alike may stand for one another, so that only the one that began first is
   * tried; whatever tells them apart must not show in any answer, nor in `stateKey`.
   */
  readonly alike?: string | undefined;
}

export interface SearchModel<Move extends SearchMove> {
  /** In how many ways the move could happen in the present state; 1 for an ordinary one, 0 when it surely cannot. */
  ways(move: Move): number;
  /** Changes the state, or leaves it and says why the move's answer does not fit. */
  apply(move: Move, way: number): string | undefined;
  /** Takes back the last move that was applied. */
  undo(): void;
  /** The state, such that equal keys mean equal states. */
  stateKey(): string;
}

export type SearchVerdict<Move> =
  | { readonly kind: 'linearizable'; readonly order: readonly Move[] }
  /**
   * `order` is the longest partial linearization: that of the deepest point reached, where the fewest answers were left to be
   * explained. `stuck` is a move that did not fit there, `reason` the model's words for why.
   */
  | {
      readonly kind: 'notLinearizable';
      readonly order: readonly Move[];
      readonly stuck: Move;
      readonly reason: string;
    }
  /** `order` as far as it came, at best. */
  | { readonly kind: 'undecided'; readonly order: readonly Move[]; readonly attempts: number };

/** @param attemptsMax moves tried before the search gives up; it never takes giving up for a success */
export function searchLinearization<Move extends SearchMove>(
  moves: readonly Move[],
  model: SearchModel<Move>,
  attemptsMax: number,
): SearchVerdict<Move> {
  return new Search(moves, model, attemptsMax).run();
}

interface Level {
  /** Positions of moves to try here, in order; the ranked one comes first and is there from the start. */
  readonly candidates: number[];
  /** Whether the unranked candidates were added: only when the ranked one did not lead to the end. */
  complete: boolean;
  candidate: number;
  way: number;
  /** What was applied to get to the next level. */
  applied: number;
}

class Search<Move extends SearchMove> {
  readonly #moves: readonly Move[];
  readonly #model: SearchModel<Move>;
  readonly #attemptsMax: number;
  /** Calls and returns in order of time, linked so that a linearized move is lifted out and put back (undo list). */
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  readonly #callOf: Int32Array;
  readonly #returnOf: Int32Array;
  readonly #ranked: readonly number[];
  readonly #unrankedBit: Int32Array;
  readonly #unrankedBits: Uint16Array;
  readonly #visited = new Set<string>();
  #rankedDone = 0;
  #requiredLeft = 0;
  #attempts = 0;
  /** Moves that are applied at present. */
  #taken = 0;
  #deepest: { left: number; taken: number; move: Move; reason: string } | undefined;
  /** The moves that lead to the deepest point, put down before the first of them is taken back; empty until then. */
  #deepestOrder: readonly Move[] = [];
  #deepestKept = true;

  constructor(moves: readonly Move[], model: SearchModel<Move>, attemptsMax: number) {
    this.#moves = moves;
    this.#model = model;
    this.#attemptsMax = attemptsMax;
    const count = moves.length;
    this.#next = new Int32Array(2 * count + 1);
    this.#previous = new Int32Array(2 * count + 1);
    this.#callOf = new Int32Array(count);
    this.#returnOf = new Int32Array(count).fill(-1);
    this.#unrankedBit = new Int32Array(count).fill(-1);
    this.#ranked = [...moves.keys()]
      .filter((at) => moves[at]?.rank !== undefined)
      .sort((left, right) => this.#rank(left) - this.#rank(right));
    let unranked = 0;
    for (let at = 0; at < count; at += 1) {
      const move = this.#move(at);
      if (move.rank === undefined) this.#unrankedBit[at] = unranked++;
      if (move.rank !== undefined || move.endUs !== Infinity) this.#requiredLeft += 1;
    }
    this.#unrankedBits = new Uint16Array(Math.ceil(unranked / 16));
    this.#link();
  }

  run(): SearchVerdict<Move> {
    const levels: Level[] = [this.#level()];
    for (;;) {
      if (this.#requiredLeft === 0) return { kind: 'linearizable', order: this.#order(levels) };
      const level = levels.at(-1);
      if (level === undefined) break;
      if (this.#advance(level)) {
        levels.push(this.#level());
      } else {
        this.#keepDeepest(levels);
        levels.pop();
        const above = levels.at(-1);
        if (above !== undefined) this.#takeBack(above.applied);
      }
      if (this.#attempts > this.#attemptsMax) {
        this.#keepDeepest(levels);
        return { kind: 'undecided', order: this.#deepestOrder, attempts: this.#attempts };
      }
    }
    const deepest = present(this.#deepest, 'a search that fails was stuck somewhere');
    return {
      kind: 'notLinearizable',
      order: this.#deepestOrder,
      stuck: deepest.move,
      reason: deepest.reason,
    };
  }

  /** Applies the level's next candidate that fits. @returns false when there is none */
  #advance(level: Level): boolean {
    for (;;) {
      const at = level.candidates[level.candidate];
      if (at === undefined) {
        if (level.complete) return false;
        level.complete = true;
        this.#addUnranked(level);
        continue;
      }
      const move = this.#move(at);
      if (level.way >= this.#model.ways(move)) {
        level.candidate += 1;
        level.way = 0;
        continue;
      }
      const way = level.way;
      level.way += 1;
      this.#attempts += 1;
      const reason = this.#model.apply(move, way);
      if (reason !== undefined) {
        this.#stuck(move, reason);
        continue;
      }
      this.#take(at);
      if (move.rank === undefined && this.#entered()) {
        this.#takeBack(at);
        continue;
      }
      level.applied = at;
      return true;
    }
  }

  #level(): Level {
    const ranked = this.#ranked[this.#rankedDone];
    const candidates: number[] = [];
    if (ranked !== undefined) {
      if (this.#callable(ranked)) candidates.push(ranked);
      else
        this.#stuck(
          this.#move(ranked),
          'its answer comes after that of an operation that had not begun when this one ended',
        );
    }
    return { candidates, complete: false, candidate: 0, way: 0, applied: -1 };
  }

  /** Unranked moves under way before the first return; the one that returns first leads. */
  #addUnranked(level: Level): void {
    const pending: number[] = [];
    const stoodFor = new Set<string>();
    for (let entry = this.#first(); entry !== 0; entry = this.#next[entry] ?? 0) {
      const at = (entry - 1) >> 1;
      if (entry === this.#returnOf[at]) break;
      const { rank, alike } = this.#move(at);
      if (rank !== undefined || (alike !== undefined && stoodFor.has(alike))) continue;
      if (alike !== undefined) stoodFor.add(alike);
      pending.push(at);
    }
    pending.sort((left, right) => {
      const [leftEnd, rightEnd] = [this.#move(left).endUs, this.#move(right).endUs];
      return leftEnd === rightEnd ? left - right : leftEnd - rightEnd;
    });
    level.candidates.push(...pending);
  }

  /** True when no move that is still to be linearized returned before this one was called. */
  #callable(wanted: number): boolean {
    for (let entry = this.#first(); entry !== 0; entry = this.#next[entry] ?? 0) {
      if (entry === this.#callOf[wanted]) return true;
      if (entry === this.#returnOf[(entry - 1) >> 1]) return false;
    }
    return false;
  }

  #take(at: number): void {
    const move = this.#move(at);
    this.#taken += 1;
    this.#lift(this.#callOf[at] ?? 0);
    if ((this.#returnOf[at] ?? -1) >= 0) this.#lift(this.#returnOf[at] ?? 0);
    if (move.rank === undefined) this.#flip(at);
    else this.#rankedDone += 1;
    if (move.rank !== undefined || move.endUs !== Infinity) this.#requiredLeft -= 1;
  }

  #takeBack(at: number): void {
    const move = this.#move(at);
    this.#taken -= 1;
    this.#model.undo();
    if ((this.#returnOf[at] ?? -1) >= 0) this.#unlift(this.#returnOf[at] ?? 0);
    this.#unlift(this.#callOf[at] ?? 0);
    if (move.rank === undefined) this.#flip(at);
    else this.#rankedDone -= 1;
    if (move.rank !== undefined || move.endUs !== Infinity) this.#requiredLeft += 1;
  }

  /** True when this configuration was entered before; enters it otherwise. */
  #entered(): boolean {
    const key = `${this.#rankedDone}|${String.fromCharCode(...this.#unrankedBits)}|${this.#model.stateKey()}`;
    if (this.#visited.has(key)) return true;
    this.#visited.add(key);
    return false;
  }

  #stuck(move: Move, reason: string): void {
    if (this.#deepest === undefined || this.#requiredLeft < this.#deepest.left) {
      this.#deepest = { left: this.#requiredLeft, taken: this.#taken, move, reason };
      this.#deepestKept = false;
    }
  }

  /** Since the deepest point was reached moves were only added: those that lead to it are the first of the present ones. */
  #keepDeepest(levels: readonly Level[]): void {
    if (this.#deepestKept || this.#deepest === undefined) return;
    this.#deepestKept = true;
    this.#deepestOrder = levels.slice(0, this.#deepest.taken).map((level) => this.#move(level.applied));
  }

  #order(levels: readonly Level[]): readonly Move[] {
    return levels.filter((level) => level.applied >= 0).map((level) => this.#move(level.applied));
  }

  #move(at: number): Move {
    return present(this.#moves[at], 'positions are those of moves');
  }

  #rank(at: number): number {
    return this.#move(at).rank ?? 0;
  }

  /** Entry 0 is the list's head; move `at` owns entries 2·at + 1 (call) and 2·at + 2 (return). */
  #link(): void {
    const entries: { entry: number; timeUs: number; isReturn: boolean }[] = [];
    this.#moves.forEach((move, at) => {
      assert(move.startUs <= move.endUs, 'a move ends at or after its start');
      this.#callOf[at] = 2 * at + 1;
      entries.push({ entry: 2 * at + 1, timeUs: move.startUs, isReturn: false });
      if (move.endUs === Infinity) return;
      this.#returnOf[at] = 2 * at + 2;
      entries.push({ entry: 2 * at + 2, timeUs: move.endUs, isReturn: true });
    });
    // At one instant calls come first: what is not surely ordered counts as concurrent.
    entries.sort((left, right) => {
      if (left.timeUs !== right.timeUs) return left.timeUs - right.timeUs;
      return left.isReturn === right.isReturn ? left.entry - right.entry : left.isReturn ? 1 : -1;
    });
    let last = 0;
    for (const { entry } of entries) {
      this.#next[last] = entry;
      this.#previous[entry] = last;
      last = entry;
    }
    this.#next[last] = 0;
    this.#previous[0] = last;
  }

  #first(): number {
    return this.#next[0] ?? 0;
  }

  #lift(entry: number): void {
    const [previous, next] = [this.#previous[entry] ?? 0, this.#next[entry] ?? 0];
    this.#next[previous] = next;
    this.#previous[next] = previous;
  }

  #unlift(entry: number): void {
    const [previous, next] = [this.#previous[entry] ?? 0, this.#next[entry] ?? 0];
    this.#next[previous] = entry;
    this.#previous[next] = entry;
  }

  #flip(at: number): void {
    const bit = this.#unrankedBit[at] ?? 0;
    this.#unrankedBits[bit >> 4] = (this.#unrankedBits[bit >> 4] ?? 0) ^ (1 << (bit & 15));
  }
}
