import { RECORD_COVERAGE_GAP } from '../functions/src/coverage/coverage';
import type { Statements } from '../functions/src/postgres/statements';
import { instantOfMillis } from '../functions/src/values/event-time';

/** ENABLE_SUPABASE_DUAL_WRITE over the day: off from one moment until another. */
export class FlagSwitch {
  #offAt: string | null = null;
  #onAt: string | null = null;

  turnOff(): void {
    this.#offAt ??= presentInstant();
  }

  turnOn(): void {
    if (this.#offAt !== null) this.#onAt ??= presentInstant();
  }

  /** Whether the flag was off at that instant: an event counts by when it was written. */
  wasOffAt(instant: string): boolean {
    if (this.#offAt === null || instant < this.#offAt) return false;
    return this.#onAt === null || instant < this.#onAt;
  }

  /** Writes the interval to `mirror.coverage`, as an instance would that saw the flag change. */
  async recordCoverage(statements: Statements): Promise<void> {
    if (this.#offAt === null) return;
    const [from, to] = [this.#offAt, this.#onAt ?? presentInstant()];
    const evidence = { simulated: true };
    await RECORD_COVERAGE_GAP.run(statements, { reason: 'flag_off', from, to, evidence });
  }
}

/** With six digits, so that instants compare as text. */
function presentInstant(): string {
  return instantOfMillis(Date.now()) ?? '';
}
