import type { ShardTally, Tally } from '../../../functions/src/gate/rate';
import type { ProofTimes } from '../../../functions/src/readings/proof-times';
import type { TestDatabase } from '../../support/database';

const FOUND_BY_READINGS = [
  ...['missing_in_postgres', 'missing_in_rtdb', 'value_mismatch', 'column_mismatch'],
  'invalid_payload',
];
const BY_HAND = ['repair', 'backfill', 'client', 'direct'];
const NEVER = Number.NEGATIVE_INFINITY;
/** What the books call -infinity: later than never. */
const SINCE_EVER = -1e18;

/** All instants in milliseconds of the database's clock; null = never. */
interface Reading {
  shard: string;
  keys: number;
  brought: number;
  in_flight: number;
  first_seen_at: number;
  read_at: number | null;
  touched_at: number | null;
  full_at: number | null;
  counted_since: number | null;
  failed_at: number | null;
}

interface Difference {
  shard: string;
  ref: string;
  key: Record<string, string> | null;
  kind: string;
  keys: number;
  written_after: number | null;
  written_before: number;
  resolved_at: number | null;
  resolved_by: string | null;
}

interface Row {
  shard: string;
  key: Record<string, string>;
  origin: string;
  mirrored_at: number;
}

interface Direct {
  shard: string;
  key: Record<string, string>;
  written_at: number;
}

interface Books {
  readings: Reading[];
  log: Difference[];
  rows: Row[];
  direct: Direct[];
  gaps: { reason: string; from_at: number; to_at: number | null }[];
  listed_at: number | null;
  first_pass_at: number | null;
  truncated_at: number | null;
}

const READ_BOOKS = `
select
  (select jsonb_agg(to_jsonb(r)) from mirror.readings as r where r.path = $1) as readings,
  (select jsonb_agg(to_jsonb(d)) from mirror.divergence_log as d
   where d.path = $1 and d.written_before is not null) as log,
  (select jsonb_agg(jsonb_build_object(
     'shard', q.couple_id, 'key', to_jsonb(q), 'origin', q.origin, 'mirrored_at', q.mirrored_at
   )) from rtdb.quest_completions as q) as rows,
  (select jsonb_agg(to_jsonb(w)) from mirror.direct_writes as w
   where w.path = $1 and w.shard is not null) as direct,
  (select jsonb_agg(to_jsonb(c)) from mirror.coverage as c
   where c.path is null or c.path = $1) as gaps,
  (select to_jsonb(l.listed_at) from mirror.listings as l where l.path = $1) as listed_at,
  (select to_jsonb(p.first_pass_at) from mirror.paths as p where p.path = $1) as first_pass_at,
  (select to_jsonb(max(w.written_at)) from mirror.direct_writes as w
   where w.path = $1 and w.operation = 'truncate') as truncated_at
`;

/** `2026-11-28T10:20:30.123456+00:00`, or `-infinity`, in milliseconds with their fraction. */
function millisOf(instant: string): number {
  if (instant === '-infinity') return SINCE_EVER;
  const micros = /\.\d{3}(\d+)/.exec(instant)?.[1] ?? '';
  return Date.parse(instant) + Number(`0.${micros}0`);
}

const INSTANT = /(?:_at|_since|_after|_before)$/;

/** With numbers for instants, and an empty list where nothing was found. */
function readBook(name: string, value: unknown): unknown {
  if (INSTANT.test(name)) return typeof value === 'string' ? millisOf(value) : null;
  return ((value ?? []) as Record<string, unknown>[]).map((row) =>
    Object.fromEntries(
      Object.entries(row).map(([column, of]) => [
        column,
        INSTANT.test(column) && typeof of === 'string' ? millisOf(of) : of,
      ]),
    ),
  );
}

/**
 * What the gate's evidence has to say of the pilot: from the books as they lie, shard by shard, without a sum that
 * is kept or a shard that is passed over.
 *
 * @param at when the gate was asked
 */
export async function countPlainly(
  database: TestDatabase,
  path: string,
  times: ProofTimes,
  at: string,
) {
  const [found] = await database.query(READ_BOOKS, [path]);
  const books = Object.entries(found ?? {}).map(([name, value]) => [name, readBook(name, value)]);
  return new PlainCount(Object.fromEntries(books) as Books, times, millisOf(at)).result();
}

class PlainCount {
  readonly #windowAt: number;
  readonly #fullLimit: number;
  readonly #verifiedTo: number | null;
  readonly #isNew: (reading: Reading) => boolean;

  constructor(
    private readonly books: Books,
    private readonly times: ProofTimes,
    private readonly at: number,
  ) {
    this.#windowAt = at - times.windowMs;
    this.#isNew = (r) => r.read_at === null && r.first_seen_at > at - times.newShardMs;
    const ended = books.gaps
      .filter(({ reason }) => ['flag_off', 'percent', 'restored'].includes(reason))
      .map(({ to_at }) => to_at ?? at);
    this.#fullLimit = Math.max(
      at - times.fullEveryMs.dated * times.fullAgeFactor,
      books.truncated_at ?? NEVER,
      ...ended,
    );
    this.#verifiedTo = this.#verified();
  }

  result() {
    const { readings, log, direct } = this.books;
    const names = new Set([
      ...readings.map(({ shard }) => shard),
      ...[...log.filter((one) => this.#isOpen(one)), ...direct].map(({ shard }) => shard),
    ]);
    const copy: ShardTally[] = [];
    const mirror: ShardTally[] = [];
    for (const shard of names) {
      const reading = readings.find((one) => one.shard === shard) ?? null;
      if (reading !== null && this.#isNew(reading)) continue;
      // Of a shard that nobody knows, only what was written past the mirror since.
      const isNamed = this.#openOf(shard).length > 0 || this.#directOf(shard, reading) > 0;
      if (reading === null && !isNamed) continue;
      copy.push({ shard, ...this.#copyOf(shard, reading) });
      mirror.push({ shard, ...this.#mirrorOf(shard, reading) });
    }
    const affected = copy.filter(
      ({ differing }, n) => differing > 0 || (mirror[n]?.differing ?? 0) > 0,
    );
    return {
      copy,
      mirror,
      summary: {
        shards: readings.length,
        unreadShards: readings.filter((r) => this.#isNew(r) || this.#isUnread(r)).length,
        failedShards: readings.filter((r) => r.failed_at !== null).length,
        oldFullShards: readings.filter(
          (r) => r.read_at !== null && (r.full_at === null || r.full_at < this.#fullLimit),
        ).length,
        affectedShards: affected.length,
        verifiedTo: this.#verifiedTo === null ? null : instantOf(this.#verifiedTo),
        copy: sum(copy),
        mirror: sum(mirror),
      },
    };
  }

  #verified(): number | null {
    const { readings, listed_at: listedAt } = this.books;
    if (listedAt === null) return null;
    const known = readings.filter((r) => !this.#isNew(r));
    if (known.length === 0) return listedAt;
    const times = known
      .filter(({ failed_at }) => failed_at === null)
      .map(({ read_at }) => read_at ?? NEVER)
      .sort((a, b) => a - b);
    const oldest = times[Math.floor(times.length / 1_000)];
    if (oldest === undefined) return listedAt;
    return oldest === NEVER ? null : Math.min(oldest, listedAt);
  }

  #isUnread({ read_at: readAt, failed_at: failedAt }: Reading): boolean {
    if (failedAt !== null || readAt === null) return true;
    return this.#verifiedTo !== null && readAt < this.#verifiedTo;
  }

  #isFullOld({ full_at: fullAt }: Reading): boolean {
    return fullAt === null || fullAt < this.#fullLimit;
  }

  #isOpen({ resolved_at, kind }: Difference): boolean {
    return resolved_at === null && FOUND_BY_READINGS.includes(kind);
  }

  #openOf(shard: string): Difference[] {
    return this.books.log.filter((one) => one.shard === shard && this.#isOpen(one));
  }

  /** Writes past the mirror that no reading has seen: each may have made a key differ. */
  #directOf(shard: string, reading: Reading | null): number {
    const seenAt = Math.max(reading?.read_at ?? NEVER, reading?.touched_at ?? NEVER);
    return this.books.direct.filter(
      (write) =>
        write.shard === shard &&
        write.written_at > Math.max(seenAt, this.#verifiedTo ?? NEVER) &&
        !this.#openOf(shard).some(({ key }) => key !== null && sameKey(key, write.key)),
    ).length;
  }

  #copyOf(shard: string, reading: Reading | null): Tally {
    const { truncated_at: truncatedAt } = this.books;
    const open = this.#openOf(shard).reduce((keys, one) => keys + one.keys, 0);
    const seenAt = Math.max(reading?.read_at ?? NEVER, reading?.touched_at ?? NEVER);
    const keys = reading?.keys ?? 0;
    const differing =
      truncatedAt !== null && truncatedAt >= seenAt
        ? Math.max(keys, open)
        : open + this.#directOf(shard, reading);
    if (reading !== null && (this.#isUnread(reading) || this.#isFullOld(reading))) {
      const total = Math.max(keys, differing, 1);
      return { total, differing, unknown: total - differing };
    }
    const inFlight = reading?.in_flight ?? 0;
    return { total: Math.max(keys, differing + inFlight), differing, unknown: inFlight };
  }

  #mirrorOf(shard: string, reading: Reading | null): Tally {
    const movedSince = (since: number) =>
      this.books.rows.filter((r) => r.shard === shard && r.mirrored_at > since).length;
    if (reading === null) {
      const unknown = movedSince(this.#windowAt);
      return { total: unknown, differing: 0, unknown };
    }
    const { sure, unsure } = this.#lostOf(shard, reading);
    const isUnread = this.#isUnread(reading);
    const { counted_since: counted, read_at: readAt, in_flight: inFlight } = reading;
    const isUncounted = counted === null && readAt !== null && this.books.first_pass_at !== null;
    const moved = movedSince(
      Math.max(this.#windowAt, counted === null ? NEVER : (readAt ?? NEVER)),
    );
    const unknown =
      (isUnread
        ? Math.max(1, moved, inFlight)
        : isUncounted
          ? Math.max(moved, inFlight)
          : inFlight) + unsure;
    const brought = isUnread && (readAt ?? NEVER) < this.#windowAt ? 0 : reading.brought;
    return { total: brought + sure + unknown, differing: sure, unknown };
  }

  #lostOf(shard: string, reading: Reading) {
    const byRef = new Map<string, { keys: number; isUnsure: boolean }>();
    for (const one of this.books.log.filter((found) => found.shard === shard)) {
      if (!this.#isLost(one, reading)) continue;
      const isUnsure =
        one.written_after !== null &&
        one.written_after < (reading.read_at ?? NEVER) - this.times.windowMs;
      const known = byRef.get(one.ref);
      byRef.set(one.ref, {
        keys: Math.max(known?.keys ?? 0, one.keys - this.#pastOf(one)),
        isUnsure: (known?.isUnsure ?? true) && isUnsure,
      });
    }
    const lost = [...byRef.values()];
    const keysOf = (of: typeof lost) => of.reduce((all, { keys }) => all + keys, 0);
    return {
      sure: keysOf(lost.filter(({ isUnsure }) => !isUnsure)),
      unsure: keysOf(lost.filter(({ isUnsure }) => isUnsure)),
    };
  }

  #pastOf({ shard, keys, key, written_after, written_before }: Difference): number {
    return this.books.direct.filter(
      (write) =>
        write.shard === shard &&
        (keys > 1 || (key !== null && sameKey(write.key, key))) &&
        write.written_at > (written_after ?? NEVER) &&
        write.written_at <= written_before,
    ).length;
  }

  #isLost(one: Difference, { read_at: readAt, failed_at, counted_since }: Reading): boolean {
    if (!FOUND_BY_READINGS.includes(one.kind) || readAt === null || counted_since === null) {
      return false;
    }
    const isOpen = one.resolved_at === null;
    if (!isOpen && !BY_HAND.includes(one.resolved_by ?? '')) return false;
    const isVerified =
      this.#verifiedTo !== null && readAt >= this.#verifiedTo && failed_at === null;
    if (readAt < this.#windowAt && !isVerified) return false;
    const { written_before: before } = one;
    const after = one.written_after ?? SINCE_EVER;
    if (before <= Math.max(counted_since, readAt - this.times.windowMs) || before > readAt)
      return false;
    if (after < counted_since || this.#pastOf(one) >= one.keys) return false;
    const { truncated_at: truncatedAt, gaps, rows } = this.books;
    if (truncatedAt !== null && truncatedAt > after && truncatedAt <= before) return false;
    const isRestored = gaps.some(
      ({ reason, from_at, to_at }) =>
        reason === 'restored' && from_at <= before && (to_at ?? this.at) >= after,
    );
    if (isRestored) return false;
    const isMadeGood = ['repair', 'backfill', 'client'].includes(one.resolved_by ?? '');
    return !(
      isMadeGood &&
      one.kind !== 'invalid_payload' &&
      rows.some(
        (row) =>
          one.key !== null &&
          sameKey(row.key, one.key) &&
          row.origin === 'rtdb' &&
          row.mirrored_at > (one.resolved_at ?? NEVER) &&
          row.mirrored_at <= readAt,
      )
    );
  }
}

function sum(tallies: readonly Tally[]): Tally {
  return tallies.reduce(
    (all, one) => ({
      total: all.total + one.total,
      differing: all.differing + one.differing,
      unknown: all.unknown + one.unknown,
    }),
    { total: 0, differing: 0, unknown: 0 },
  );
}

function sameKey(a: Record<string, string>, b: Record<string, string>): boolean {
  return Object.keys(b).every((column) => a[column] === b[column]);
}

/** As the gate writes it, to the microsecond. */
function instantOf(ms: number): string {
  const whole = Math.floor(ms);
  const micros = Math.round((ms - whole) * 1_000);
  return `${new Date(whole).toISOString().slice(0, -1)}${String(micros).padStart(3, '0')}Z`;
}
