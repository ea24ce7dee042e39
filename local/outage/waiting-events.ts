/** Events of one age and number of failed attempts. */
export interface Cohort {
  /** The second in which the first of them was written. */
  bornAt: number;
  attempts: number;
  events: number;
}

/** Ages are told to a quarter of an hour, upwards: what matters is how near 24 hours they come. */
const AGE_STEP_S = 900;
/** More than there are numbers of attempts to tell apart. */
const ATTEMPTS = 16;

/** Events that wait for their redelivery, by the second in which they are due. */
export class WaitingEvents {
  readonly #due = new Map<number, Map<number, Cohort>>();
  total = 0;

  add(dueAt: number, { bornAt, attempts, events }: Cohort): void {
    if (events === 0) return;
    this.total += events;
    const second = this.#due.get(dueAt) ?? new Map<number, Cohort>();
    this.#due.set(dueAt, second);
    const key = Math.floor(bornAt / AGE_STEP_S) * ATTEMPTS + attempts;
    const known = second.get(key);
    if (known) {
      known.bornAt = Math.min(known.bornAt, bornAt);
      known.events += events;
    } else {
      second.set(key, { bornAt, attempts, events });
    }
  }

  /** Takes what is due in a second. */
  take(second: number): Cohort[] {
    const due = [...(this.#due.get(second)?.values() ?? [])];
    this.#due.delete(second);
    for (const { events } of due) this.total -= events;
    return due;
  }
}
