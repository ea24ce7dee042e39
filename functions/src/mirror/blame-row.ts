import type { LogKey } from '../events/mirrored-path';
import type { Claim } from '../postgres/claims';
import { blameOf } from '../postgres/sqlstate';
import { millisOf } from '../values/event-time';

/** Postgres refuses this one row, and would on every retry. */
export class RowRefused extends Error {
  override name = 'RowRefused';
}

/**
 * How long a row that a foreign key points to may take to arrive; and how long something may be missing
 * for some rows alone.
 */
const PATIENCE_MS = 60 * 60_000;
/** Failed events that are remembered: far more than are in flight at once. */
const MAX_SUSPECTS = 1_000;

/** Writes of one kind fire the same triggers: inserts, updates, deletions. */
const KINDS = 4;

interface Suspect {
  /** How many writes of its kind had succeeded by then. */
  writesBefore: number;
  /** When: as it was sent, as a batch with it failed, or as a delivery of it failed before this one. */
  by: 'sending' | 'batch' | 'delivery';
}

/**
 * Tells a row that Postgres refuses from a failure that every row would meet. Where the SQLSTATE does not
 * say, the writes of the same kind do: a row that fails once more after others succeeded is to blame
 * itself.
 */
export class RowBlame<Leaf extends LogKey> {
  readonly #writes: number[] = new Array<number>(KINDS).fill(0);
  /** By event. */
  readonly #suspects = new Map<string, Suspect>();

  constructor(private readonly now: () => number = Date.now) {}

  /** How many writes of each kind have succeeded so far; for `failed`. */
  writes(): readonly number[] {
    return [...this.#writes];
  }

  wrote(claim: Claim<Leaf>): void {
    this.#writes[kindOf(claim)] = this.#writesLike(claim) + 1;
    if (this.#suspects.size > 0) this.#suspects.delete(claim.eventId);
  }

  /** A statement failed; when it was sent, `writesBefore` had succeeded. */
  failed(claims: readonly Claim<Leaf>[], writesBefore: readonly number[]): void {
    for (const claim of claims) {
      if (claims.length > 1) this.#remember(claim, 'batch', this.#writesLike(claim));
      else if (!this.#suspects.has(claim.eventId)) {
        this.#remember(claim, 'sending', writesBefore[kindOf(claim)] ?? 0);
      }
    }
  }

  /** What a claim that failed rejects with: `RowRefused` where the row is to blame, else the error. */
  failureOf(error: unknown, claim: Claim<Leaf>): unknown {
    if (!this.#isRefused(error, claim)) {
      this.#remember(claim, 'delivery', this.#writesLike(claim));
      return error;
    }
    this.#suspects.delete(claim.eventId);
    return new RowRefused('Postgres refuses the row', { cause: error });
  }

  #isRefused(error: unknown, claim: Claim<Leaf>): boolean {
    const blame = blameOf(error);
    if (blame === 'row') return true;
    const isOld = this.now() - millisOf(claim.eventTime) >= PATIENCE_MS;
    if (blame === 'parent') return isOld;
    const suspect = this.#suspects.get(claim.eventId);
    if (suspect === undefined || this.#writesLike(claim) <= suspect.writesBefore) return false;
    if (blame === 'asked') return true;
    // What was answered since it was sent may have been done before it.
    return blame === 'setup' && (suspect.by === 'batch' || (suspect.by === 'delivery' && isOld));
  }

  #writesLike(claim: Claim<Leaf>): number {
    return this.#writes[kindOf(claim)] ?? 0;
  }

  #remember({ eventId }: Claim<Leaf>, by: Suspect['by'], writesBefore: number): void {
    this.#suspects.delete(eventId);
    if (this.#suspects.size >= MAX_SUSPECTS) {
      const [oldest] = this.#suspects.keys();
      if (oldest !== undefined) this.#suspects.delete(oldest);
    }
    this.#suspects.set(eventId, { writesBefore, by });
  }
}

function kindOf({ before, payload }: Claim<LogKey>): number {
  const hadValue = before.known && before.payload !== null;
  return (hadValue ? 2 : 0) + (payload === null ? 0 : 1);
}
