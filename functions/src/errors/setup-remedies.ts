interface SetupRemedy {
  /** For people whom the name of a table or function tells nothing. */
  problem: string;
  remedy: string;
}

export const MIGRATE = 'run `npm run mirror -- migrate`';

const NO_TABLES: SetupRemedy = { problem: "the mirror's tables are missing", remedy: MIGRATE };

/** By SQLSTATE, for logs and terminals: what Postgres lacks for the mirror, and what helps. */
export const SETUP_REMEDIES: ReadonlyMap<string, SetupRemedy> = new Map([
  ['42P01', NO_TABLES],
  ['3F000', NO_TABLES],
  ['42883', { problem: "the mirror's functions are older than this code", remedy: MIGRATE }],
  ['42703', { problem: "the mirror's tables are older than this code", remedy: MIGRATE }],
  [
    '42501',
    {
      problem: 'this login lacks a right that the mirror needs',
      remedy: 'run `npm run mirror -- doctor`, and grant what it names',
    },
  ],
]);

/** What helps where the set-up is wrong in another way. */
export const ANY_SETUP_REMEDY = 'run `npm run mirror -- doctor`';
