import { RECORD_COVERAGE_GAP } from '../functions/src/coverage/coverage';
import { prepareEvaluation } from '../functions/src/deploy/prepare-evaluation';
import { ruleOfDetail } from '../functions/src/flag/flag-rule';
import type { Statements } from '../functions/src/postgres/statements';
import { instantOfMillis } from '../functions/src/values/event-time';
import type { JsonObject } from '../functions/src/values/json';
import type { Fault } from './faults';

/** Half of the couples, by the hash that Remote Config has for a percent. */
const HALF: JsonObject = {
  conditions: [
    {
      name: 'half',
      condition: {
        percent: { percentOperator: 'LESS_OR_EQUAL', seed: 'simulated', microPercent: 50_000_000 },
      },
      enabled: true,
    },
  ],
  otherwise: false,
};

/**
 * Each instance has one flag that never changes: what it notes of that would open and close intervals beside these
 * books, with a minute's slack.
 */
const UNHEARD = `
create or replace function mirror.note_flag(
  noted_path text, seen text, seen_since timestamptz, off_since timestamptz, seen_version bigint, evidence jsonb
)
returns void
language sql
set search_path = ''
as 'select'
`;
const SEEN = `
update mirror.coverage set to_at = clock_timestamp() where reason = 'flag_off' and to_at is null
`;
const LASTS = `
insert into mirror.coverage (from_at, reason, detail) values (clock_timestamp(), $1, $2)
`;

/** ENABLE_SUPABASE_DUAL_WRITE over the world's time: off from one moment until another, throughout, or for a part. */
export class FlagSwitch {
  #offAt: string | null = null;
  #onAt: string | null = null;
  #isIn: (shard: string) => boolean = () => true;

  constructor(private readonly faults: ReadonlySet<Fault>) {}

  /**
   * What instances note that see the flag for the first time; without the minute that it leaves others to look, which
   * would be the whole world's time.
   */
  async begin(statements: Statements): Promise<void> {
    await statements.run(UNHEARD, []);
    if (this.faults.has('off-throughout')) return;
    if (this.faults.has('percent')) {
      this.#isIn = ruleOfDetail(HALF, await prepareEvaluation()) ?? this.#isIn;
      await statements.run(LASTS, ['percent', HALF]);
    }
    await statements.run(SEEN, []);
  }

  turnOff(): void {
    this.#offAt ??= presentInstant();
  }

  turnOn(): void {
    if (this.#offAt !== null) this.#onAt ??= presentInstant();
  }

  /** The faults by which an event of that time is not mirrored: it counts by when it was written. */
  offBy(instant: string, shard: string): Fault[] {
    const off: Fault[] = [];
    if (this.faults.has('off-throughout')) off.push('off-throughout');
    if (this.faults.has('percent') && !this.#isIn(shard)) off.push('percent');
    if (this.#wasOffAt(instant)) off.push('flag-off');
    return off;
  }

  #wasOffAt(instant: string): boolean {
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
