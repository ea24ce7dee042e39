import type { MirroredPath } from '../paths/mirrored-path';
import type { Json, JsonObject } from '../values/json';
import { BackupError } from './backup-error';
import { childPlace, type PartDepths, type Place } from './places';

/** One leaf of a mirrored path. */
export interface BackupLeaf {
  /** The parts of its key, in the order of the primary key; the first is the shard. */
  parts: readonly string[];
  /** As the file has it: not in canonical form (`canonicalValue`). */
  value: Json;
}

/** A scalar where the path's pattern has children. */
export interface OddPlace {
  /** Its node, keys joined by `/`. */
  ref: string;
  value: Json;
}

/** Some of a shard's leaves, in the order of the file. A shard of many comes in several pieces. */
export interface ShardPiece {
  path: MirroredPath;
  /** Null = the path's tree has ended: there are no more shards. Each path has one such piece. */
  shard: string | null;
  leaves: readonly BackupLeaf[];
  /** With shard null: those above the shards. */
  odd: readonly OddPlace[];
  /** Whether the shard has no more. */
  isLast: boolean;
}

/** Within these a shard comes in one piece. */
const MAX_LEAVES = 2_000;
const MAX_BYTES = 1_000_000;

/** What was found of one path and is not yet given away. */
interface Found {
  leaves: BackupLeaf[];
  odd: OddPlace[];
  bytes: number;
  /** Whether a piece of this shard was given away. */
  isBegun: boolean;
}

/** Gathers the leaves that a splitter meets into pieces. */
export class ShardPieces {
  readonly #found: Found[];
  /** Paths whose tree has ended. */
  readonly #ended = new Set<number>();
  #ready: ShardPiece[] = [];

  constructor(
    private readonly paths: readonly MirroredPath[],
    private readonly parts: PartDepths,
  ) {
    this.#found = paths.map(nothing);
  }

  /** What is ready since it was last asked. */
  take(): ShardPiece[] {
    const ready = this.#ready;
    this.#ready = [];
    return ready;
  }

  /**
   * Takes in a node's whole value.
   *
   * @param keys of the node and those above it, from the root
   * @param bytes about how much of the file it was
   */
  add(place: Place, keys: readonly string[], depth: number, value: Json, bytes: number): void {
    // An empty node is none in RTDB; a file that somebody edited may have one.
    if (value !== null) {
      for (const path of place.leafOf) this.#addLeaf(path, keys, value, bytes);
      if (place.branchOf.length > 0) this.#addBranch(place, keys, depth, value);
    }
    this.leave(place, keys);
  }

  /** A node whose children came one by one has ended. */
  leave(place: Place, keys: readonly string[]): void {
    for (const path of place.shardOf) this.#close(path, keys);
    for (const path of place.treeOf) this.#end(path);
  }

  /** The file has ended: so have all trees that it didn't hold. */
  end(): void {
    this.paths.forEach((_, path) => {
      this.#end(path);
    });
  }

  #addLeaf(path: number, keys: readonly string[], value: Json, bytes: number): void {
    const found = this.#found[path] as Found;
    const depths = this.parts[path] as readonly number[];
    const parts: string[] = [];
    for (let place = 0; place < depths.length; place += 1) {
      parts.push(keys[depths[place] as number] as string);
    }
    found.leaves.push({ parts, value });
    found.bytes += bytes;
    if (found.leaves.length >= MAX_LEAVES || found.bytes >= MAX_BYTES) {
      this.#give(path, parts[0] as string, false);
    }
  }

  /** Of a path inside another's documents, whose value was read whole. */
  #addBranch(place: Place, keys: readonly string[], depth: number, value: Json): void {
    if (value === null || typeof value !== 'object') {
      const ref = keys.slice(0, depth).join('/');
      for (const path of place.branchOf) (this.#found[path] as Found).odd.push({ ref, value });
      return;
    }
    for (const key of Object.keys(value)) {
      const child = childPlace(place, key);
      if (child === null) continue;
      const within = [...keys.slice(0, depth), key];
      this.add(child, within, depth + 1, (value as JsonObject)[key] ?? null, 0);
    }
  }

  #close(path: number, keys: readonly string[]): void {
    const { leaves, odd, isBegun } = this.#found[path] as Found;
    if (leaves.length === 0 && odd.length === 0 && !isBegun) return;
    this.#give(path, keys[this.parts[path]?.[0] ?? 0] as string, true);
  }

  #end(path: number): void {
    if (this.#ended.has(path)) return;
    this.#give(path, null, true);
    this.#ended.add(path);
  }

  #give(path: number, shard: string | null, isLast: boolean): void {
    const { leaves, odd } = this.#found[path] as Found;
    const of = this.paths[path] as MirroredPath;
    if (this.#ended.has(path)) throw new BackupError(`the backup holds ${of.ref} in two places`);
    this.#ready.push({ path: of, shard, leaves, odd, isLast });
    this.#found[path] = { ...nothing(), isBegun: !isLast };
  }
}

function nothing(): Found {
  return { leaves: [], odd: [], bytes: 0, isBegun: false };
}
