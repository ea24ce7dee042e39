import { z } from 'zod';
import { jsonColumn, query } from '../postgres/statements';
import { normalizeInstant } from '../values/event-time';
import type { JsonObject } from '../values/json';

/** An instant as jsonb shows it, normalized: instants compare as text. */
const instant = z.string().transform((text, context) => {
  if (text === '-infinity' || text === 'infinity') return text;
  const normalized = normalizeInstant(text);
  if (normalized !== null) return normalized;
  context.addIssue('expected an instant');
  return z.NEVER;
});

const READING = z.object({
  first_seen_at: instant,
  read_at: instant.nullable(),
  read_from: z.string().nullable(),
  whole_at: z.array(instant),
  touched_at: instant.nullable(),
  full_at: instant.nullable(),
  keys: z.number(),
  counted_since: instant.nullable(),
  brought: z.number(),
  in_flight: z.number(),
  failed_at: instant.nullable(),
  error: z.string().nullable(),
  due_at: instant,
  is_full_due: z.boolean(),
  set_at: instant.nullable(),
  caught_up_at: instant.nullable(),
});

/** A divergence that a reading opened, or has taken for its own. */
const OPEN = z.object({
  id: z.number(),
  ref: z.string(),
  kind: z.string(),
  cause: z.string(),
  day: z.string().nullable(),
  /** Null: it stands for `keys` keys of the shard. */
  key: z.custom<JsonObject>().nullable(),
  keys: z.number(),
  seen: z.string().nullable(),
  written_after: instant.nullable(),
  written_before: instant,
  /** A listing that didn't show its shard yet, as far as that was known when it was opened. */
  born_after: instant.nullable(),
});

const SUSPECT = z.object({
  key: z.custom<JsonObject>(),
  looked_at: instant,
  looks: z.number(),
  event_id: z.string().nullable(),
  mirrored_at: instant.nullable(),
  written_after: instant.nullable(),
});

const DIRECT = z.object({
  key: z.custom<JsonObject>(),
  day: z.string().nullable(),
  operation: z.string(),
  written_by: z.string(),
  at: instant,
  is_change: z.boolean(),
});

const BOOKS = z.object({
  began_at: instant,
  first_pass_at: instant.nullable(),
  /** Rows may show columns of an earlier declaration: until `repair --columns` nothing is known of them. */
  are_columns_due: z.boolean(),
  /** Whether anybody was erased: then keys that Postgres lacks may be theirs. */
  has_erased: z.boolean(),
  gap_at: instant.nullable(),
  restored_at: instant.nullable(),
  /** When the listing before the last full one began. */
  listed_before: instant.nullable(),
});

/** What Postgres knows of a shard of one path when a reading begins. */
export const BEGIN_READING = query({
  text: `
select
  path,
  to_char(read_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as read_at,
  reading, path_books, open, settled, suspects, direct, moved
from mirror.begin_reading($1, $2, make_interval(days => $3))
`,
  params: { paths: 'text[]', shard: 'text', movedWithinDays: 'integer' },
  row: {
    path: z.string(),
    readAt: instant,
    /** Null: the shard is not known yet. */
    reading: READING.nullable(),
    pathBooks: BOOKS,
    open: z.array(OPEN),
    settled: z.array(z.string()),
    suspects: z.array(SUSPECT),
    direct: z.array(DIRECT),
    /** Days, or arrays of key parts, and when a row of theirs moved last; null = too many. */
    moved: z.array(z.tuple([z.union([z.string(), z.array(z.string())]), instant])).nullable(),
  },
});

export type ShardState = Awaited<ReturnType<typeof BEGIN_READING.one>>;
export type OpenDifference = z.infer<typeof OPEN>;
export type Suspect = z.infer<typeof SUSPECT>;

/** Rows of shards, tombstones too, in key order: of days, of keys, or all. */
export const ROWS_OF = query({
  text: `
select
  parts, payload, columns, origin, event_id, is_tombstone,
  to_char(event_time at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as event_time,
  to_char(mirrored_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as mirrored_at
from mirror.rows_of($1, $2, $3, $4, $5::date[], $6)
`,
  params: {
    path: 'text',
    shards: 'text[]',
    fromDay: 'date?',
    toDay: 'date?',
    days: 'date[]?',
    keys: 'jsonb?',
  },
  row: {
    parts: z.array(z.string()),
    payload: jsonColumn,
    columns: z.custom<JsonObject>(),
    origin: z.string(),
    eventId: z.string().nullable(),
    isTombstone: z.boolean(),
    eventTime: z.string().nullable(),
    mirroredAt: z.string(),
  },
});

/** Sets a reading: `migrations/20261128000010_readings.sql`. False: another one was set since it began. */
export const SET_READING = query({
  text: 'select mirror.set_reading($1) as is_set',
  params: { reading: 'jsonb' },
  row: { isSet: z.boolean() },
});

export const FAIL_READING = query({
  text: 'select mirror.fail_reading($1, $2, $3, make_interval(secs => $4))',
  params: { path: 'text', shard: 'text', reason: 'text', againS: 'double precision' },
  row: {},
});
