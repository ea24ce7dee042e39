import { setTimeout as delay } from 'node:timers/promises';
import { questCompletions } from '../functions/src/paths/quest-completions/quest-completions';
import type { Statements } from '../functions/src/postgres/statements';
import type { LocalPostgres } from '../local/embedded-postgres';
import { BACKUP_AT, type Fault, FLAG_OFF, OUTAGE, RESTORE_AT, TRUNCATE_AT } from './faults';
import type { FlagSwitch } from './flag-switch';
import type { Backup, Ledger } from './ledger';

/** The mirror's tables as they are, and when. */
const BACK_UP = `
do $$
declare
  name text;
begin
  create schema simulated_backup;
  for name in select path from mirror.paths where removed_at is null loop
    execute format('create table simulated_backup.%1$I as table rtdb.%1$I', name);
  end loop;
  create table simulated_backup.made as select clock_timestamp() as at;
end $$
`;

/** Rows as they were, as pg_restore leaves them; the interval is noted as docs/runbook.md says. */
const RESTORE = `
do $$
declare
  name text;
begin
  perform set_config('mirror.writer', 'on', true);
  for name in select path from mirror.paths where removed_at is null loop
    execute format('delete from rtdb.%1$I', name);
    execute format('insert into rtdb.%1$I table simulated_backup.%1$I', name);
  end loop;
  insert into mirror.coverage (from_at, to_at, reason, detail)
  select made.at, clock_timestamp(), 'restored', '{}' from simulated_backup.made;
end $$
`;

const TRUNCATE = 'truncate rtdb.quest_completions';

export interface MomentsOptions {
  statements: Statements;
  /** Null where Postgres is not ours to kill. */
  server: LocalPostgres | null;
  flag: FlagSwitch;
  ledger: Ledger;
  worldMs: number;
  /** Does something while nothing is written to Postgres: the books then know what was there. */
  quietly(work: () => Promise<void>): Promise<void>;
  elsewhere(): Promise<void>;
}

/** Faults that come at a moment of the world, each once. */
export class MomentsOf {
  readonly #ahead: { at: number; does: () => Promise<void> }[];
  #outage: Promise<unknown> = Promise.resolve();
  #backup: Backup = new Map();

  constructor(
    faults: ReadonlySet<Fault>,
    private readonly options: MomentsOptions,
  ) {
    const { statements, ledger, flag } = options;
    const all: { fault: Fault; at: number; does: () => Promise<void> }[] = [
      { fault: 'flag-off', at: FLAG_OFF.from, does: async () => flag.turnOff() },
      { fault: 'flag-off', at: FLAG_OFF.to, does: () => this.#turnOn() },
      { fault: 'other-rtdb', at: BACKUP_AT, does: () => options.elsewhere() },
      {
        fault: 'restore',
        at: BACKUP_AT,
        does: () =>
          options.quietly(async () => {
            await statements.run(BACK_UP, []);
            this.#backup = ledger.backUp();
          }),
      },
      {
        fault: 'restore',
        at: RESTORE_AT,
        does: () =>
          options.quietly(async () => {
            await statements.run(RESTORE, []);
            ledger.restore(this.#backup);
          }),
      },
      {
        fault: 'truncate',
        at: TRUNCATE_AT,
        does: () =>
          options.quietly(async () => {
            await statements.run(TRUNCATE, []);
            ledger.truncated(questCompletions);
          }),
      },
      { fault: 'outage', at: OUTAGE.from, does: async () => this.#causeOutage() },
    ];
    this.#ahead = all.filter(({ fault }) => faults.has(fault)).sort((a, b) => a.at - b.at);
  }

  async comeTo(fraction: number): Promise<void> {
    while ((this.#ahead[0]?.at ?? Number.POSITIVE_INFINITY) <= fraction) {
      await this.#ahead.shift()?.does();
    }
  }

  /** Resolves once what was begun is over. */
  async over(): Promise<void> {
    await this.comeTo(1);
    const failure = await this.#outage;
    if (failure instanceof Error) throw failure;
  }

  async #turnOn(): Promise<void> {
    this.options.flag.turnOn();
    await this.options.flag.recordCoverage(this.options.statements);
  }

  /** Kills Postgres, as a crash does, and starts it again a while later; the world goes on. */
  #causeOutage(): void {
    const { server, worldMs } = this.options;
    if (server === null) return;
    const lasting = async () => {
      await server.kill();
      await delay((OUTAGE.to - OUTAGE.from) * worldMs);
      await server.start();
    };
    // Its failure is this promise's value until it is awaited.
    this.#outage = lasting().catch((error: unknown) =>
      error instanceof Error ? error : new Error(String(error)),
    );
  }
}
