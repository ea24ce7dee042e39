import { type FlagMode, type FlagRule, modeOfPath } from './flag-rule';

export interface FlagChange {
  /** Null = of the flag itself, which is all paths'; else of the one path. */
  path: string | null;
  /** Null at the first look. */
  before: FlagMode | null;
  after: FlagMode;
  /** What the look saw. */
  rule: FlagRule;
  /** When this instance first saw `before`, in milliseconds since 1970. */
  beforeSinceMs: number;
  /** When `before` was last seen to hold. */
  beforeUntilMs: number;
  seenAtMs: number;
}

export interface FlagWatchOptions {
  /** The name of the path that the instance mirrors. */
  path: string;
  /**
   * Looks; takes a second at most, and never rejects: where it can't tell, what is known holds on.
   *
   * @param known what the look before saw; null at the first
   */
  look(known: FlagRule | null): Promise<FlagRule>;
  /** Milliseconds since 1970. */
  now(): number;
  /** Told of changes of mode, if there are any, and awaited by the invocation that saw them. Never rejects. */
  onChanges(changes: readonly FlagChange[]): Promise<void>;
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
  #sinceMs = { flag: 0, path: 0 };
  #lookedAtMs = 0;
  #looking: Promise<FlagChange[]> | null = null;

  constructor(private readonly options: FlagWatchOptions) {}

  /** The path's. Null before the first look; an invocation that awaited `decided` never meets that. */
  get mode(): FlagMode | null {
    return this.#rule && modeOfPath(this.#rule, this.options.path);
  }

  isEnabled(coupleId: string | null): boolean {
    const rule = this.#rule;
    return rule !== null && !rule.paths.off.has(this.options.path) && rule.isEnabled(coupleId);
  }

  /** To be asked first by each invocation. Null = nearly always: it owes nothing. */
  due(): Due | null {
    const ageMs = this.options.now() - this.#lookedAtMs;
    const isKnown = this.#rule !== null;
    // A clock that was set back must not keep a look forever.
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
      settled: looked.then((changes) =>
        changes.length === 0 ? undefined : this.options.onChanges(changes),
      ),
    };
  }

  async #look(): Promise<FlagChange[]> {
    const startedAtMs = this.options.now();
    const before = this.#rule;
    // Whatever comes of it, the next invocation may look: a look kept would fail every event.
    const after = await this.options.look(before).finally(() => {
      this.#looking = null;
    });
    const changes = this.#changes(before, after, startedAtMs);
    this.#rule = after;
    this.#lookedAtMs = startedAtMs;
    return changes;
  }

  #changes(before: FlagRule | null, after: FlagRule, seenAtMs: number): FlagChange[] {
    const { path } = this.options;
    const ownMode = ({ paths }: FlagRule): FlagMode => (paths.off.has(path) ? 'off' : 'on');
    const kinds = [
      { kind: 'flag' as const, path: null, mode: (rule: FlagRule) => rule.mode },
      { kind: 'path' as const, path, mode: ownMode },
    ];
    return kinds.flatMap(({ kind, path: of, mode }) => {
      const change = { path: of, before: before && mode(before), after: mode(after), rule: after };
      if (change.before === change.after) return [];
      const times = { beforeSinceMs: this.#sinceMs[kind], beforeUntilMs: this.#lookedAtMs };
      this.#sinceMs[kind] = seenAtMs;
      return [{ ...change, ...times, seenAtMs }];
    });
  }
}
