/** An answer that others may have, too. */
interface Shared {
  answer: Promise<boolean>;
  /** When it may be asked anew; null while it is on its way. */
  staleAt: number | null;
}

/**
 * Lets callers that ask the same at the same time share one answer. A yes is kept for a moment; a no
 * isn't, since a caller that sees it looks again.
 */
export class SharedAnswers {
  readonly #shared = new Map<string, Shared>();

  constructor(
    private readonly keepMs: number,
    private readonly now: () => number = Date.now,
  ) {}

  ask(question: string, work: () => Promise<boolean>): Promise<boolean> {
    const known = this.#shared.get(question);
    if (known !== undefined && !this.#isStale(known)) return known.answer;
    this.#forgetStale();
    const shared: Shared = { answer: work(), staleAt: null };
    this.#shared.set(question, shared);
    shared.answer.then(
      (isYes) => {
        shared.staleAt = this.now() + (isYes ? this.keepMs : 0);
      },
      () => {
        shared.staleAt = 0;
      },
    );
    return shared.answer;
  }

  #isStale({ staleAt }: Shared): boolean {
    return staleAt !== null && staleAt <= this.now();
  }

  #forgetStale(): void {
    for (const [question, shared] of this.#shared) {
      if (this.#isStale(shared)) this.#shared.delete(question);
    }
  }
}
