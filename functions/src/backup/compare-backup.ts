import type { MirroredPath } from '../paths/mirrored-path';
import { BackupError } from './backup-error';
import { compareRtdbKeys } from './key-order';
import { type RowSource, type ShardComparison, ShardPairs } from './shard-pairs';
import type { OddPlace, ShardPiece } from './shard-pieces';
import type { TableRow } from './table-row';

/** The tables of the mirrored paths. */
export interface Tables {
  /** All rows of a path, in the order of `compareRtdbKeys` by shard, in key order within one. */
  open(path: MirroredPath): Promise<RowSource>;
  /** The rows of some shards, in key order. */
  rowsOf(path: MirroredPath, shards: readonly string[]): Promise<TableRow[]>;
  /** To be called once all rows of a path were taken. */
  done(path: MirroredPath): Promise<void>;
}

/** Both sides of one shard, or of a part of it. */
export interface PathComparison extends ShardComparison {
  path: MirroredPath;
}

/** The path's tree has been compared. */
export interface PathEnd {
  path: MirroredPath;
  shard: null;
  /** Scalars above the shards. */
  odd: readonly OddPlace[];
}

/** Names that are held of shards which only the table has, so far. */
const MAX_HELD = 100_000;
/** Shards that are looked up at once. */
const LOOKUP = 500;

/**
 * Compares a backup with the tables in one pass over both, in bounded memory: each shard of either
 * side comes once, with its keys in pairs; one of many keys in several parts.
 *
 * The file should be in RTDB's order, as the rows are. What is out of order is looked up by itself,
 * which costs a round trip a shard. To allow for it, a shard that only the table seems to have is
 * given once the path's tree has ended.
 *
 * @throws BackupError where the file's order is too far from RTDB's to be followed
 */
export async function* compareBackup(
  pieces: AsyncIterable<ShardPiece>,
  tables: Tables,
  maxHeld = MAX_HELD,
): AsyncGenerator<PathComparison | PathEnd> {
  const merges = new Map<MirroredPath, PathMerge>();
  for await (const piece of pieces) {
    const { path } = piece;
    const merge = merges.get(path) ?? new PathMerge(path, tables, await tables.open(path), maxHeld);
    merges.set(path, merge);
    if (piece.shard === null) {
      yield* merge.rest();
      await tables.done(path);
      yield { path, shard: null, odd: piece.odd };
    } else {
      yield* merge.take(piece, piece.shard);
    }
  }
}

class PathMerge {
  /** Shards that the rows have passed and the file had not, in RTDB's order. */
  readonly #held = new Set<string>();
  /** The last shard that was given for want of room, though the file might have it later. */
  #given: string | null = null;
  /** The furthest shard of the file. */
  #furthest: string | null = null;
  #present: { shard: string; pairs: ShardPairs } | null = null;

  constructor(
    private readonly path: MirroredPath,
    private readonly tables: Tables,
    private readonly rows: RowSource,
    private readonly maxHeld: number,
  ) {}

  async *take(piece: ShardPiece, shard: string): AsyncGenerator<PathComparison> {
    if (this.#present?.shard !== shard) {
      while (this.#held.size > this.maxHeld) yield* this.#giveHeld();
      this.#present = { shard, pairs: new ShardPairs(shard, await this.#rowsFor(shard)) };
    }
    const pairs = await this.#present.pairs.pair(piece.leaves);
    if (piece.isLast) {
      for (const pair of await this.#present.pairs.rest()) pairs.push(pair);
      this.#present = null;
    }
    const { odd, isLast } = piece;
    yield { path: this.path, shard, pairs, odd, isLast };
  }

  /** What only the table has, once the file has no more. */
  async *rest(): AsyncGenerator<PathComparison> {
    while (this.#held.size > 0) yield* this.#giveHeld();
    for (let row = await this.#next(); row !== null; row = await this.#next()) {
      const shard = row.parts[0] ?? '';
      const pairs = await new ShardPairs(shard, this.rows).rest();
      yield { path: this.path, shard, pairs, odd: [], isLast: true };
    }
  }

  /** Where the rows of the file's next shard come from. */
  async #rowsFor(shard: string): Promise<RowSource> {
    if (this.#furthest !== null && compareRtdbKeys(shard, this.#furthest) <= 0) {
      return heldRows(await this.#lateRows(shard));
    }
    const before = this.#furthest;
    this.#furthest = shard;
    for (let row = await this.#next(); row !== null; row = await this.#next()) {
      const behind = row.parts[0] ?? '';
      if (before !== null && compareRtdbKeys(behind, before) <= 0)
        throw rowDisorder(this.path, behind);
      if (compareRtdbKeys(behind, shard) >= 0) break;
      this.#held.add(behind);
      this.rows.take();
    }
    return this.rows;
  }

  /** The rows have passed this shard: they are looked up, if there were any. */
  async #lateRows(shard: string): Promise<TableRow[]> {
    if (shard === this.#furthest) this.#refuse(`the backup holds ${shard} twice`);
    if (this.#held.delete(shard)) return this.tables.rowsOf(this.path, [shard]);
    if (this.#given !== null && compareRtdbKeys(shard, this.#given) <= 0) {
      this.#refuse(
        `the keys below ${this.path.ref} are not in RTDB's order: ${shard} comes too late`,
      );
    }
    return [];
  }

  #refuse(complaint: string): never {
    throw new BackupError(complaint);
  }

  async *#giveHeld(): AsyncGenerator<PathComparison> {
    const shards: string[] = [];
    for (const shard of this.#held) {
      this.#held.delete(shard);
      if (shards.push(shard) === LOOKUP) break;
    }
    const given = shards.at(-1);
    if (given !== undefined) this.#given = given;
    const rows = heldRows(await this.tables.rowsOf(this.path, shards));
    for (let row = rows.peek(); row; row = rows.peek()) {
      const shard = row.parts[0] ?? '';
      const pairs = await new ShardPairs(shard, rows).rest();
      yield { path: this.path, shard, pairs, odd: [], isLast: true };
    }
  }

  async #next(): Promise<TableRow | null> {
    let row = this.rows.peek();
    while (row === undefined) {
      await this.rows.arrival();
      row = this.rows.peek();
    }
    return row;
  }
}

/** The merge would go wrong without a word. */
function rowDisorder({ name }: MirroredPath, shard: string): Error {
  return new Error(`the rows of ${name} are out of order at ${shard}: is its key collate "C"?`);
}

function heldRows(rows: readonly TableRow[]): RowSource {
  let at = 0;
  return {
    peek: () => rows[at] ?? null,
    take: () => {
      at += 1;
    },
    arrival: async () => {},
  };
}
