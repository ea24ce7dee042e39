import type { FlagMode, FlagRule } from './flag-rule';

export interface FlagChange {
  /** Null at the first look. */
  before: FlagRule | null;
  after: FlagRule;
  /** When this instance first saw `before`, in milliseconds since 1970. */
  beforeSinceMs: number;
  /** When `before` was last seen to hold. */
  beforeUntilMs: number;
  seenAtMs: number;
}

export interface FlagWatchOptions {
  /**
   * Looks; takes a second at most, and never rejects: where it can't tell, what is known holds on.
   *
   * @param known what the look before saw; null at the first
   */
  look(known: FlagRule | null): Promise<FlagRule>;
  /** Milliseconds since 1970. */
  now(): number;
  /** Told of each change of mode, and awaited by the invocation that saw it. Never rejects. */
  onChange(change: FlagChange): Promise<void>;
}

/** How old a look may be for an event to be decided by it. */
const LOOK_EXPIRES_MS = 60_000;
/** From then on an invocation looks beside its own work, so that in a busy instance nobody waits. */
const LOOK_AGAIN_MS = 45_000;

/** What an invocation owes a look. */
export interface Due {
  /** The event may be decided. Never rejects. */
  decided: Promise<void>;
  /** The invocation may answer: nothing is left running behind it. Never rejects. */
  settled: Promise<void>;
}

/**
 * The flag, as one instance sees it. It looks again within the invocations, never between them: Cloud
 * Run gives no CPU then. A look that failed counts as one, so that a Remote Config that hangs delays
 * events once in a minute, not each of them.
 */
export class FlagWatch {
  #rule: FlagRule | null = null;
  #sinceMs = 0;
  #lookedAtMs = 0;
  #looking: Promise<FlagChange | null> | null = null;

  constructor(private readonly options: FlagWatchOptions) {}

  /** Null before the first look; an invocation that awaited `decided` never meets that. */
  get mode(): FlagMode | null {
    return this.#rule?.mode ?? null;
  }

  isEnabled(coupleId: string | null): boolean {
    return this.#rule?.isEnabled(coupleId) ?? false;
  }

  /** To be asked first by each invocation. Null = nearly always: it owes nothing. */
  due(): Due | null {
    const ageMs = this.options.now() - this.#lookedAtMs;
    const isKnown = this.#rule !== null;
    // A clock that was set back must not keep a look for ever.
    if (isKnown && ageMs >= 0 && ageMs < LOOK_AGAIN_MS) return null;
    const mustWait = !isKnown || ageMs < 0 || ageMs >= LOOK_EXPIRES_MS;
    if (this.#looking !== null) {
      if (!mustWait) return null;
      const decided = this.#looking.then(() => {});
      return { decided, settled: decided };
    }
    this.#looking = this.#look();
    const looked = this.#looking;
    return {
      decided: mustWait ? looked.then(() => {}) : Promise.resolve(),
      settled: looked.then((change) =>
        change === null ? undefined : this.options.onChange(change),
      ),
    };
  }

  async #look(): Promise<FlagChange | null> {
    const startedAtMs = this.options.now();
    const before = this.#rule;
    // Whatever comes of it, the next invocation may look: a look kept would fail every event.
    const after = await this.options.look(before).finally(() => {
      this.#looking = null;
    });
    const times = { beforeSinceMs: this.#sinceMs, beforeUntilMs: this.#lookedAtMs };
    const change =
      before?.mode === after.mode ? null : { before, after, ...times, seenAtMs: startedAtMs };
    if (change !== null) this.#sinceMs = startedAtMs;
    this.#rule = after;
    this.#lookedAtMs = startedAtMs;
    return change;
  }
}
