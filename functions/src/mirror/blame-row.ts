import { blameOf, isMissingForAll } from '../postgres/sqlstate';
import { millisOf } from '../values/event-time';
import type { Claim } from './claim';

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

/** How many writes of its kind had succeeded when a claim failed. */
interface Suspect {
  /** For the first time in this delivery; and when it was sent. */
  now?: number;
  sent?: number;
  /** In the delivery before this one. */
  before?: number;
}

/**
 * Tells a row that Postgres refuses from a failure that every row would meet. Where the SQLSTATE does not
 * say, the writes of the same kind do: a row that fails once more after others succeeded is to blame
 * itself.
 */
export class RowBlame {
  readonly #writes: number[] = new Array<number>(KINDS).fill(0);
  /** By event. */
  readonly #suspects = new Map<string, Suspect>();

  constructor(private readonly now: () => number = Date.now) {}

  /** How many writes of each kind have succeeded; for `failed`. */
  writes(): readonly number[] {
    return [...this.#writes];
  }

  wrote(claim: Claim): void {
    this.#writes[kindOf(claim)] = this.#writesLike(claim) + 1;
    if (this.#suspects.size > 0) this.#suspects.delete(claim.eventId);
  }

  /**
   * A statement with these claims failed; when it was sent, `writesBefore` had succeeded.
   *
   * @returns whether to send them again before they are judged: what is answered meanwhile may tell
   */
  failed(
    claims: readonly Claim[],
    error: unknown,
    writesBefore: readonly number[] = this.#writes,
  ): boolean {
    if (!isDoubtful(error)) return false;
    let isFirst = false;
    for (const claim of claims) {
      const suspect = this.#suspects.get(claim.eventId);
      if (suspect?.now !== undefined) continue;
      isFirst = true;
      const sent = writesBefore[kindOf(claim)] ?? 0;
      this.#remember(claim, { ...suspect, now: this.#writesLike(claim), sent });
    }
    return isFirst;
  }

  /** What a claim that failed rejects with: `RowRefused` where the row is to blame, else the error. */
  failureOf(error: unknown, claim: Claim): unknown {
    const isRefused = this.#isRefused(error, claim);
    this.#suspects.delete(claim.eventId);
    if (isRefused) return new RowRefused('Postgres refuses the row', { cause: error });
    this.#remember(claim, { before: this.#writesLike(claim) });
    return error;
  }

  #isRefused(error: unknown, claim: Claim): boolean {
    const blame = blameOf(error);
    if (blame === 'row') return true;
    const isOld = this.now() - millisOf(claim.eventTime) >= PATIENCE_MS;
    if (blame === 'parent') return isOld;
    if (!isDoubtful(error)) return false;
    const { now, sent, before } = this.#suspects.get(claim.eventId) ?? {};
    const writes = this.#writesLike(claim);
    // What lacked something may have been answered after what lacked nothing yet.
    if (blame === 'asked' && sent !== undefined && writes > sent) return true;
    if (now !== undefined && writes > now) return true;
    // Between two deliveries something may have been missing twice.
    return before !== undefined && writes > before && (blame === 'asked' || isOld);
  }

  #writesLike(claim: Claim): number {
    return this.#writes[kindOf(claim)] ?? 0;
  }

  #remember({ eventId }: Claim, suspect: Suspect): void {
    if (this.#suspects.size >= MAX_SUSPECTS && !this.#suspects.has(eventId)) {
      const [oldest] = this.#suspects.keys();
      if (oldest !== undefined) this.#suspects.delete(oldest);
    }
    this.#suspects.set(eventId, suspect);
  }
}

/** Whether only the writes beside it tell if one row is to blame. */
function isDoubtful(error: unknown): boolean {
  const blame = blameOf(error);
  return blame === 'asked' || (blame === 'setup' && !isMissingForAll(error));
}

function kindOf({ before, payload }: Claim): number {
  const hadValue = before.known && ('hash' in before || before.payload !== null);
  return (hadValue ? 2 : 0) + (payload === null ? 0 : 1);
}

/** What to do with a batch that failed; see `CoalescerOptions.onFailure`. */
export function actionOnFailure(error: unknown, wasRepeated: boolean): 'split' | 'repeat' | 'fail' {
  switch (blameOf(error)) {
    case 'row':
    case 'parent':
    case 'asked':
    case 'busy':
      return 'split';
    case 'setup':
      // A new session may have it.
      return isMissingForAll(error) ? 'repeat' : 'split';
    case 'conflict':
      return wasRepeated ? 'split' : 'repeat';
    case 'session':
      return 'repeat';
    case 'server':
      return 'fail';
  }
}
