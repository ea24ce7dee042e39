// Before each test file that also runs on Postgres 15: what the helpers call the run's server is that
// one. Jest gives each file a copy of the environment.
const env = process.env.QUEST_TEST_POSTGRES_15;
if (!env) throw new Error('Postgres 15 was not started: run the tests with jest.');
Object.assign(process.env, JSON.parse(env));
