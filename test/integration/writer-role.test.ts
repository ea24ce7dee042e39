import { cloneDatabase, type TestDatabase, urlOfDatabase } from '../support/database';
import { mirrorOn, REF, writeOf } from '../support/mirror';

describe('a login that is a member of quest_mirror_writer, as the functions have', () => {
  const login = `mirror_functions_${process.pid}`;
  let database: TestDatabase;

  beforeAll(async () => {
    database = await cloneDatabase();
    await database.query(`create role ${login} login password 'x' in role quest_mirror_writer`);
  });

  afterAll(async () => {
    await database.query(`drop role ${login}`);
    await database.drop();
  });

  test('can do all that an event may ask for', async () => {
    const url = new URL(urlOfDatabase(database.url, new URL(database.url).pathname.slice(1)));
    url.username = login;
    url.password = 'x';
    const { mirror, store } = mirrorOn(url.href, () => 5);
    const at = (second: number) => `2025-11-19T12:00:0${second}Z`;
    const events: [string, ReturnType<typeof writeOf>][] = [
      ['applied', writeOf({ id: 'e1', time: at(1) })],
      ['duplicate', writeOf({ id: 'e1', time: at(1) })],
      ['applied', writeOf({ id: 'e4', time: at(4), before: null, after: 5 })],
      ['stale', writeOf({ id: 'e2', time: at(2), before: true, after: null })],
      ['tied', writeOf({ id: 'e5', time: at(4), before: 5, after: null })],
      ['rejected', writeOf({ id: 'e6', time: at(6), after: 'yes' })],
      ['applied', writeOf({ id: 'e7', time: at(7), before: 5, after: null })],
      ['applied', writeOf({ id: 'f1', ref: REF.replace('quest_1', 'quest_2') })],
    ];
    try {
      for (const [outcome, event] of events) {
        expect([event.id, await mirror(event)]).toEqual([
          event.id,
          expect.objectContaining({ outcome }),
        ]);
      }
    } finally {
      await store.close();
    }
    expect(await database.query('select from rtdb.quest_completions')).toHaveLength(2);
  });
});
