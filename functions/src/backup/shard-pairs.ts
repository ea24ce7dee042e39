import { compareParts, isSameKey } from './key-order';
import type { BackupLeaf, OddPlace } from './shard-pieces';
import type { TableRow } from './table-row';

/** What stands at one key: in the backup, in the table (perhaps as a tombstone), or in both. */
export type Pair =
  | { leaf: BackupLeaf; row: TableRow }
  | { leaf: BackupLeaf; row: null }
  | { leaf: null; row: TableRow };

/** Rows as they come, of one path, shard by shard. */
export interface RowSource {
  /** The next row; null = there are no more; undefined = not here yet, wait for `arrival`. */
  peek(): TableRow | null | undefined;
  /** To be called once `peek` gave a row: that one is done with. */
  take(): void;
  /** Rejects as Postgres does. */
  arrival(): Promise<void>;
}

/** The next row of a shard; null = it has no more. */
async function nextOf(shard: string, rows: RowSource): Promise<TableRow | null> {
  let row = rows.peek();
  while (row === undefined) {
    await rows.arrival();
    row = rows.peek();
  }
  return row !== null && row.parts[0] === shard ? row : null;
}

/**
 * Brings together the two sides of one shard, whatever their orders: what has no partner where it is
 * expected waits until the shard's end. With one order on both sides, only what one side lacks waits.
 */
export class ShardPairs {
  #leaves: BackupLeaf[] = [];
  #rows: TableRow[] = [];

  constructor(
    private readonly shard: string,
    private readonly rows: RowSource,
  ) {}

  /** The pairs of some leaves. */
  async pair(leaves: readonly BackupLeaf[]): Promise<Pair[]> {
    const pairs: Pair[] = [];
    for (const leaf of leaves) {
      for (;;) {
        // Mostly the row is here: to wait for a promise at each would take longer than the rest.
        let row = this.rows.peek();
        if (row === undefined) row = await nextOf(this.shard, this.rows);
        if (row === null || row.parts[0] !== this.shard) {
          this.#leaves.push(leaf);
          break;
        }
        if (isSameKey(leaf.parts, row.parts)) {
          pairs.push({ leaf, row });
          this.rows.take();
          break;
        }
        if (compareParts(leaf.parts, row.parts) < 0) {
          this.#leaves.push(leaf);
          break;
        }
        this.#rows.push(row);
        this.rows.take();
      }
    }
    return pairs;
  }

  /** Once all leaves were paired: what is left on both sides. */
  async rest(): Promise<Pair[]> {
    for (let row = await this.#next(); row !== null; row = await this.#next()) {
      this.#rows.push(row);
      this.rows.take();
    }
    if (this.#leaves.length === 0 && this.#rows.length === 0) return [];
    const rows = new Map(this.#rows.map((row) => [keyText(row.parts), row]));
    const pairs = this.#leaves.map((leaf): Pair => {
      const key = keyText(leaf.parts);
      const row = rows.get(key);
      rows.delete(key);
      return row === undefined ? { leaf, row: null } : { leaf, row };
    });
    for (const row of rows.values()) pairs.push({ leaf: null, row });
    return pairs;
  }

  #next(): Promise<TableRow | null> {
    return nextOf(this.shard, this.rows);
  }
}

/** No key of RTDB has a slash. */
function keyText(parts: readonly string[]): string {
  return parts.join('/');
}

/** Some of a shard's pairs: each key once. */
export interface ShardComparison {
  shard: string;
  pairs: Pair[];
  odd: readonly OddPlace[];
  /** Whether the shard has no more. */
  isLast: boolean;
}
