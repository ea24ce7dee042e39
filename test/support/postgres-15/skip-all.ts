// Where Postgres 15 isn't installed: its tests are skipped, and counted as skipped.
globalThis.test = globalThis.test.skip as jest.It;
