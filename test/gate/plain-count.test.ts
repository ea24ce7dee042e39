import { type PathEvidence, readEvidence } from '../../functions/src/gate/evidence';
import { boundsOf, type RateBounds, type ShardTally } from '../../functions/src/gate/rate';
import { PROOF_TIMES } from '../../functions/src/readings/proof-times';
import { seededRandom } from '../../simulate/seeded-random';
import { pristineDatabase } from '../support/pristine-database';
import { Books, type DifferenceRow, PILOT, type ShardRow } from './support/books';
import { countPlainly } from './support/plain-count';

/** More, to try it harder: WORLDS=400. */
const WORLDS = Number(process.env.WORLDS ?? 12);

/**
 * The gate adds up sums that triggers keep, and looks at few shards one by one. Here every shard is, and nothing is
 * kept: both have to say the same.
 */
test.each(Array.from({ length: WORLDS }, (_, seed) => seed + 1))(
  'sums and a plain count of all agree, world %i',
  async (seed) => {
    const books = new Books(await pristineDatabase());
    const random = seededRandom(seed);
    await play(books, random);
    const [found] = await readEvidence(books.database.statements, [PILOT], null, PROOF_TIMES);
    if (found === undefined) throw new Error('the pilot is not declared');
    const plain = await countPlainly(books.database, PILOT, PROOF_TIMES, found.at);
    expect(summary(found)).toEqual(plain.summary);
    for (const rate of ['copy', 'mirror'] as const) {
      const judged = boundsOf(found[rate], found.shards);
      expect(withoutNames(judged)).toEqual(withoutNames(boundsOfAll(plain[rate], found.shards)));
    }
  },
);

function summary({ copy, mirror, ...found }: PathEvidence) {
  const { shards, unreadShards, failedShards, oldFullShards, affectedShards, verifiedTo } = found;
  const tally = ({ total, differing, unknown }: PathEvidence['copy']) => ({
    total,
    differing,
    unknown,
  });
  return {
    ...{ shards, unreadShards, failedShards, oldFullShards, affectedShards, verifiedTo },
    copy: tally(copy),
    mirror: tally(mirror),
  };
}

/** Of shards that differ alike it is all one which is left out. */
function withoutNames({ leftOut, ...bounds }: RateBounds) {
  return { ...bounds, leftOut: leftOut.map(({ differing, total }) => ({ differing, total })) };
}

function boundsOfAll(tallies: readonly ShardTally[], shards: number) {
  const sum = { total: 0, differing: 0, unknown: 0 };
  for (const { total, differing, unknown } of tallies) {
    sum.total += total;
    sum.differing += differing;
    sum.unknown += unknown;
  }
  return boundsOf({ ...sum, groups: tallies.map((one) => ({ ...one, shards: 1 })) }, shards);
}

/** Shards in every state that readings know, some of which change or go; differences, rows, and writes past the mirror. */
async function play(books: Books, random: () => number): Promise<void> {
  const chance = (share: number) => random() < share;
  const pick = <T>(...from: [T, ...T[]]): T => from[Math.floor(random() * from.length)] ?? from[0];
  const upTo = (most: number) => Math.floor(random() * (most + 1));
  await books.healthy(20 + upTo(30));
  const troubled = random() * 0.6;
  const name = () => `couple${upTo(49)}_x`;
  const shard = (): ShardRow => {
    const isUnread = chance(0.15);
    return {
      shard: name(),
      keys: isUnread ? 0 : upTo(120),
      brought: isUnread ? 0 : upTo(20),
      inFlight: chance(0.2) ? upTo(3) : 0,
      read: isUnread ? null : pick('3 minutes', '10 minutes', '20 hours', '30 hours', '3 days'),
      full: isUnread
        ? null
        : pick('3 days', '44 days', '45 days', '46 days', '4 hours', '5 hours', '6 hours'),
      counted: isUnread || chance(0.2) ? null : pick('25 hours', '40 hours', 'infinity'),
      seen: pick('39 days', '30 minutes'),
      ...(chance(0.2) && { touched: pick('5 minutes', '5 hours') }),
      ...(chance(0.1) && { failed: '1 hour' }),
    };
  };
  const difference = (): DifferenceRow => ({
    ...pick(
      { after: null, before: '11 minutes' },
      { after: '2 hours', before: '11 minutes' },
      { after: '12 hours', before: '1 minute' },
      { after: '26 hours', before: '20 hours' },
      { after: '26 hours', before: '25 hours' },
    ),
    shard: name(),
    kind: pick('missing_in_postgres', 'value_mismatch', 'column_mismatch', 'missing_in_rtdb'),
    keys: pick(1, 1, 1, 7),
    ...(chance(0.4) && { by: pick('repair', 'backfill', 'client', 'event') }),
  });
  if (chance(0.3)) await books.gap('flag_off', '7 hours', '5 hours 30 minutes');
  if (chance(0.2)) await books.gap('restored', '9 hours', '8 hours');
  if (chance(0.2)) await books.truncated(pick('4 minutes', '1 hour', '2 days'));
  for (let step = 0; step < 60; step += 1) {
    if (!chance(troubled)) continue;
    const what = random();
    if (what < 0.5) await books.shard(shard());
    else if (what < 0.6) {
      await books.database.query('delete from mirror.readings where shard = $1', [name()]);
    } else if (what < 0.8) await books.difference(difference());
    else if (what < 0.9)
      await books.row(name(), `r${step}`, pick('5 minutes', '3 hours', '30 hours'));
    else
      await books.directWrites(
        name(),
        1 + upTo(2),
        pick('2 minutes', '30 minutes', '2 days'),
        step * 10,
      );
  }
}
