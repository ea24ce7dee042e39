import type { MirroredPath } from '../paths/mirrored-path';
import { instantOfMillis, millisOf } from '../values/event-time';
import type { Json, JsonObject } from '../values/json';
import { type ComparedKey, type DifferenceKind, type Row, seenOf } from './compare-key';
import type { OddPlace } from './leaves-of-node';
import { everyMsFor, type ProofTimes } from './proof-times';
import { refOfParts } from './shard-node';
import type { OpenDifference, ShardState, Suspect } from './shard-state';

/**
 * `full`: every value, and odd places. `whole`: the days, or keys, that may have changed since the last whole
 * reading. `touched`: those that a row touched. `suspects`: those that differed at the last look.
 */
export type ReadingKind = 'full' | 'whole' | 'touched' | 'suspects';

/** What a reading saw. */
export interface Looked {
  kind: ReadingKind;
  path: MirroredPath;
  shard: string;
  state: ShardState;
  /** The first day; null of a path without one. */
  readFrom: string | null;
  /** Whether RTDB holds anything of the shard, of this path or of another. */
  hasNode: boolean;
  /** Every key that it looked at and that either store holds. */
  compared: readonly ComparedKey[];
  odd: readonly OddPlace[];
  /** Whether it looked at a key, so that one which isn't in `compared` is in neither store. */
  covers(parts: readonly string[], kind: string): boolean;
}

/** A difference that is to be opened: it has no cause yet. */
export interface Difference {
  ref: string;
  kind: DifferenceKind | 'invalid_payload';
  /** Null: it stands for `keys` keys of the shard. */
  compared: ComparedKey | null;
  odd: OddPlace | null;
  keys: number;
  /** When it agreed last, and when it was first seen to differ: the write that is missing lies between. */
  writtenAfter: string | null;
  writtenBefore: string;
  /** Of one that agrees by now. */
  resolvedBy: ResolvedBy | null;
}

export type ResolvedBy =
  | 'event'
  | 'superseded'
  | 'gone'
  | 'repair'
  | 'backfill'
  | 'client'
  | 'direct';

/** What a reading changes. */
export interface Decision {
  opened: Difference[];
  renewed: { id: number; keys: number | null }[];
  resolved: { id: number; by: ResolvedBy }[];
  suspects: Suspect[];
  brought: number;
  inFlight: number;
  countedSince: string | null;
  caughtUpAt: string | null;
  dueAt: string;
  isFullDue: boolean;
  isGone: boolean;
}

export interface DecideOptions {
  times: ProofTimes;
  /** How many shards the path has: the more there are, the more seldom each is read. */
  shards: number;
}

/** More differences of a kind in one shard share a row. */
const MAX_ROWS_OF_KIND = 100;
/** The same in the first reading of a shard: what nobody has copied yet is one finding. */
const MAX_ROWS_OF_FIRST = 3;

/** What becomes of a shard by a reading. Pure. */
export function decideReading(looked: Looked, options: DecideOptions): Decision {
  const desk = new Desk(looked, options);
  for (const key of looked.compared) desk.take(key);
  desk.takeOdd();
  desk.closeUnseen();
  desk.shareRows();
  return desk.decision();
}

/** One reading under decision: gathers what each key gives rise to. */
class Desk {
  readonly #opened: Difference[] = [];
  readonly #renewed: Decision['renewed'] = [];
  readonly #resolved: Decision['resolved'] = [];
  readonly #suspects: Suspect[] = [];
  readonly #openByRef = new Map<string, OpenDifference[]>();
  readonly #suspectByKey: Map<string, Suspect>;
  readonly #kept = new Set<number>();
  /** Differences that stand, by kind: those with rows of their own, and those that a shared row has. */
  readonly #standing = new Map<string, number>();
  #brought = 0;
  /** Keys that kept moving, look after look. */
  #restless = 0;
  readonly #countedSince: string | null;
  readonly #settled: ReadonlySet<string>;

  constructor(
    private readonly looked: Looked,
    private readonly options: DecideOptions,
  ) {
    const { state } = looked;
    for (const open of state.open) {
      if (open.key === null && open.kind !== 'invalid_payload') continue;
      this.#openByRef.set(open.ref, [...(this.#openByRef.get(open.ref) ?? []), open]);
    }
    this.#settled = new Set(state.settled);
    this.#suspectByKey = new Map(state.suspects.map((one) => [this.#refOf(one.key), one]));
    this.#countedSince = this.#isWhole
      ? countedSince(looked, options)
      : this.#known('counted_since');
  }

  #openOf(ref: string, kind: string): OpenDifference | undefined {
    return this.#openByRef.get(ref)?.find((open) => open.kind === kind);
  }

  take(key: ComparedKey): void {
    const suspect = this.#suspectByKey.get(key.ref);
    this.#suspectByKey.delete(key.ref);
    if (isDifferent(key)) this.#takeDifferent(key, key.state, suspect);
    else this.#takeAgreeing(key, suspect);
    // A key that differs in one way now may have differed in another.
    this.#closeOthers(key);
  }

  takeOdd(): void {
    for (const odd of this.looked.odd) {
      const open = this.#openOf(odd.ref, 'invalid_payload');
      if (open !== undefined) {
        this.#keep(open);
        continue;
      }
      this.#open({
        ...{ ref: odd.ref, kind: 'invalid_payload', compared: null, odd, keys: 1 },
        writtenAfter: this.#known('full_at'),
        writtenBefore: this.looked.state.readAt,
        resolvedBy: null,
      });
    }
  }

  /** What was open or suspected, was looked at, and is in neither store any more. */
  closeUnseen(): void {
    for (const open of this.looked.state.open) {
      if (this.#kept.has(open.id) || (open.key === null && open.kind !== 'invalid_payload'))
        continue;
      const isCovered =
        open.kind === 'invalid_payload'
          ? this.looked.kind === 'full'
          : this.looked.covers(this.#partsOf(open.key ?? {}), open.kind);
      if (isCovered) this.#resolve(open, null);
      else this.#standing.set(open.kind, (this.#standing.get(open.kind) ?? 0) + 1);
    }
    for (const suspect of this.#suspectByKey.values()) {
      const isCovered = this.looked.covers(this.#partsOf(suspect.key), 'value_mismatch');
      if (!isCovered) this.#suspects.push(suspect);
    }
  }

  /** Where a kind has too many, what has no row of its own shares one. */
  shareRows(): void {
    const kinds = new Set<Difference['kind']>([
      ...this.#opened.map(({ kind }) => kind),
      ...this.looked.state.open.filter(isShared).map(({ kind }) => kind as Difference['kind']),
    ]);
    for (const kind of kinds) this.#shareRow(kind);
  }

  decision(): Decision {
    const { state, kind } = this.looked;
    const inFlight = this.#suspects.length + this.#restless + this.#restlessBefore();
    const isEmpty =
      !this.looked.hasNode && this.looked.compared.length === 0 && this.#standing.size === 0;
    const hasShared = this.#hasSharedRow();
    return {
      opened: this.#opened,
      renewed: this.#renewed,
      resolved: this.#resolved,
      suspects: this.#suspects,
      brought: this.#isWhole ? this.#brought : (state.reading?.brought ?? 0) + this.#brought,
      inFlight,
      countedSince: this.#countedSince,
      caughtUpAt: this.#caughtUpAt(),
      dueAt: this.#dueAt(),
      // How many a shared row stands for only a full reading can tell.
      isFullDue: hasShared || (kind !== 'full' && state.reading?.is_full_due === true),
      isGone: kind === 'full' && isEmpty,
    };
  }

  get #isWhole(): boolean {
    return this.looked.kind === 'whole' || this.looked.kind === 'full';
  }

  #known<Field extends keyof NonNullable<ShardState['reading']>>(
    field: Field,
  ): NonNullable<ShardState['reading']>[Field] | null {
    return this.looked.state.reading?.[field] ?? null;
  }

  #takeDifferent(key: ComparedKey, kind: DifferenceKind, suspect: Suspect | undefined): void {
    const open = this.#openOf(key.ref, kind);
    if (open !== undefined && open.seen === seenOf(key)) {
      this.#keep(open);
      return;
    }
    // It stays open as it is, until it is known whether it differs still.
    if (open !== undefined) this.#kept.add(open.id);
    if (this.#isBulk) this.#openKey(key, kind, this.#lastLook(key, kind), this.#now);
    else if (suspect === undefined) this.#suspect(key, kind);
    else if (hasStoodStill(key.row, suspect)) {
      if (open !== undefined) {
        this.#resolved.push({ id: open.id, by: resolvedBy(key.row, open, this.looked.state) });
      }
      this.#openKey(key, kind, suspect.written_after, suspect.looked_at);
    } else this.#lookAgain(key.row, suspect);
  }

  #lookAgain(row: Row | null, suspect: Suspect): void {
    const looks = suspect.looks + 1;
    if (looks >= this.options.times.looks) this.#restless += 1;
    else this.#suspects.push({ ...suspect, looks, ...versionOf(row) });
  }

  #takeAgreeing(key: ComparedKey, suspect: Suspect | undefined): void {
    const { row, state, ref } = key;
    let wasOpen = false;
    for (const open of this.#openByRef.get(ref) ?? []) {
      if (this.#kept.has(open.id) || open.kind === 'invalid_payload') continue;
      this.#resolve(open, row);
      wasOpen = true;
    }
    if (row === null) return;
    if (state === 'agrees' && !wasOpen && this.#isUntoldFill(row, ref, suspect)) {
      this.#takeFill(key, row, suspect);
    }
    const counts = this.#isWhole || suspect?.looked_at === this.#known('read_at');
    if (counts && state !== 'retained' && this.#wasBrought(row)) this.#brought += 1;
  }

  /** A difference that came and went between two looks. The event of a young claim may be on its way. */
  #takeFill(key: ComparedKey, row: Row, suspect: Suspect | undefined): void {
    const kind = 'missing_in_postgres';
    const ageMs = millisOf(this.#now) - millisOf(row.mirroredAt);
    if (row.origin === 'client' && ageMs < this.options.times.graceMs) {
      if (suspect === undefined) this.#suspect(key, kind);
      else this.#suspects.push(suspect);
      return;
    }
    const after = suspect === undefined ? this.#lastLook(key, kind) : suspect.written_after;
    this.#openKey(key, kind, after, suspect?.looked_at ?? this.#now, row.origin as ResolvedBy);
  }

  /** No event brought it, and nobody has said so yet. */
  #isUntoldFill(row: Row, ref: string, suspect: Suspect | undefined): boolean {
    const { state } = this.looked;
    if (row.origin === 'rtdb' || this.#settled.has(ref)) return false;
    const last = suspect === undefined ? this.#known('read_at') : suspect.written_after;
    if (last !== null) return row.mirroredAt > last;
    const { first_pass_at: passed } = state.pathBooks;
    const seen = this.#known('first_seen_at');
    // Of a shard that stood before all was read once, nothing tells.
    return passed !== null && seen !== null && seen > passed;
  }

  #wasBrought(row: Row): boolean {
    if (this.#countedSince === null || row.origin !== 'rtdb') return false;
    return this.#countedSince === '-infinity' || row.mirroredAt > this.#countedSince;
  }

  #closeOthers({ ref, state }: ComparedKey): void {
    for (const open of this.#openByRef.get(ref) ?? []) {
      if (this.#kept.has(open.id)) continue;
      if (open.kind !== state && isDifferentState(state)) this.#kept.add(open.id);
    }
  }

  #suspect(key: ComparedKey, kind: DifferenceKind): void {
    this.#suspects.push({
      key: keyObject(this.looked.path, key.parts),
      looked_at: this.#now,
      looks: 1,
      ...versionOf(key.row),
      written_after: this.#lastLook(key, kind),
    });
  }

  #openKey(
    compared: ComparedKey,
    kind: DifferenceKind,
    writtenAfter: string | null,
    writtenBefore: string,
    by: ResolvedBy | null = null,
  ): void {
    const { ref } = compared;
    this.#open({
      ref,
      kind,
      compared,
      odd: null,
      keys: 1,
      writtenAfter,
      writtenBefore,
      resolvedBy: by,
    });
  }

  #open(difference: Difference): void {
    this.#opened.push(difference);
    if (difference.resolvedBy === null) {
      this.#standing.set(difference.kind, (this.#standing.get(difference.kind) ?? 0) + 1);
    }
  }

  #keep(open: OpenDifference): void {
    this.#kept.add(open.id);
    this.#renewed.push({ id: open.id, keys: null });
    this.#standing.set(open.kind, (this.#standing.get(open.kind) ?? 0) + 1);
  }

  #resolve(open: OpenDifference, row: Row | null): void {
    this.#kept.add(open.id);
    this.#resolved.push({ id: open.id, by: resolvedBy(row, open, this.looked.state) });
  }

  /** A shard that was never read, and of which so much differs that nobody has copied it: one look says so. */
  get #isBulk(): boolean {
    if (this.#known('read_at') !== null) return false;
    this.#bulk ??= this.looked.compared.filter(isDifferent).length > MAX_ROWS_OF_KIND;
    return this.#bulk;
  }

  #bulk: boolean | undefined;

  get #now(): string {
    return this.looked.state.readAt;
  }

  /** When a reading last looked at this key: the write that is missing came later. */
  #lastLook({ parts, row }: ComparedKey, kind: DifferenceKind): string | null {
    const { path } = this.looked;
    const [readAt, fullAt] = [this.#known('read_at'), this.#known('full_at')];
    if (readAt === null || fullAt === null || fullAt >= readAt) return fullAt ?? readAt;
    const day = path.placeOf({ key: {}, parts }).day;
    const from = this.#known('read_from');
    if (day !== null) return from !== null && day >= from ? readAt : fullAt;
    const isPresence = kind === 'missing_in_postgres' || kind === 'missing_in_rtdb';
    const movedSince = millisOf(readAt) - this.options.times.reconcileDays * DAY_MS;
    const wasRead = row !== null && millisOf(row.mirroredAt) > movedSince;
    return isPresence || wasRead ? readAt : fullAt;
  }

  #shareRow(kind: Difference['kind']): void {
    const shared = this.looked.state.open.find((open) => isShared(open) && open.kind === kind);
    const own = this.#opened.filter((one) => one.kind === kind && one.resolvedBy === null);
    const count = this.#standing.get(kind) ?? 0;
    const isFirst = this.#known('read_at') === null || this.#isSecondLookAtFirst(own);
    const most = isFirst ? MAX_ROWS_OF_FIRST : MAX_ROWS_OF_KIND;
    if (this.looked.kind !== 'full' && shared !== undefined) {
      // What it stands for is known by full readings alone; what is new has rows of its own until then.
      if (count > MAX_ROWS_OF_KIND) this.#dropOwn(kind);
      return;
    }
    if (count <= most) {
      if (shared === undefined) return;
      for (const one of own) {
        one.writtenAfter = shared.written_after;
        one.writtenBefore = shared.written_before;
      }
      this.#closeShared(shared, shared.keys - own.length);
      return;
    }
    this.#dropOwn(kind);
    if (shared === undefined) {
      this.#openShared(kind, own);
      return;
    }
    this.#renewed.push({ id: shared.id, keys: own.length });
    this.#logShrunk(shared, shared.keys - own.length);
  }

  /** Whether these were first looked at by the shard's first reading. */
  #isSecondLookAtFirst(own: readonly Difference[]): boolean {
    const whole = this.#known('whole_at') ?? [];
    return (
      this.looked.kind === 'suspects' &&
      whole.length === 1 &&
      own.every(
        ({ writtenAfter, writtenBefore }) => writtenAfter === null && writtenBefore === whole[0],
      )
    );
  }

  #dropOwn(kind: Difference['kind']): void {
    const rest = this.#opened.filter((one) => one.kind !== kind || one.resolvedBy !== null);
    this.#opened.splice(0, this.#opened.length, ...rest);
  }

  #openShared(kind: Difference['kind'], own: readonly Difference[]): void {
    const { path, shard } = this.looked;
    const bounds = own.map(({ writtenAfter }) => writtenAfter);
    this.#opened.push({
      ...{ ref: refOfParts(path.ref, [shard]), kind, compared: null, odd: null },
      keys: own.length,
      // Of all of them: the earliest that any of them may have been written.
      writtenAfter: bounds.includes(null) ? null : (bounds.sort()[0] ?? null),
      writtenBefore: own[0]?.writtenBefore ?? this.#now,
      resolvedBy: null,
    });
  }

  #closeShared(shared: OpenDifference, gone: number): void {
    this.#kept.add(shared.id);
    this.#resolved.push({ id: shared.id, by: gone > 0 ? this.#fillOf() : 'gone' });
  }

  /** What a shared row no longer stands for is a finding of its own, that is over. */
  #logShrunk(shared: OpenDifference, gone: number): void {
    if (gone <= 0) return;
    this.#opened.push({
      ...{ ref: shared.ref, kind: shared.kind as Difference['kind'], compared: null, odd: null },
      keys: gone,
      writtenAfter: shared.written_after,
      writtenBefore: shared.written_before,
      resolvedBy: this.#fillOf(),
    });
  }

  /** Who filled what a shared row stood for: nobody knows of each key, so the least that speaks for the mirror. */
  #fillOf(): ResolvedBy {
    const origins = new Set(this.looked.compared.map(({ row }) => row?.origin));
    for (const origin of ['backfill', 'repair', 'client'] as const) {
      if (origins.has(origin)) return origin;
    }
    return 'event';
  }

  #hasSharedRow(): boolean {
    const opened = this.#opened.some(
      ({ compared, odd, resolvedBy: by }) => compared === null && odd === null && by === null,
    );
    const stays = this.looked.state.open.some(
      (open) => isShared(open) && !this.#resolved.some(({ id }) => id === open.id),
    );
    return opened || stays;
  }

  /** Keys that the last whole reading called in flight, and that nobody has looked at since. */
  #restlessBefore(): number {
    if (this.#isWhole) return 0;
    return Math.max(0, (this.#known('in_flight') ?? 0) - this.looked.state.suspects.length);
  }

  #caughtUpAt(): string | null {
    const known = this.#known('caught_up_at');
    const gapAt = this.looked.state.pathBooks.gap_at;
    if (this.looked.kind !== 'full' || gapAt === null || this.#now < gapAt) return known;
    return known !== null && known >= gapAt ? known : this.#now;
  }

  #dueAt(): string {
    const { times, shards } = this.options;
    const nowMs = millisOf(this.#now);
    const lastMs = this.#isWhole ? nowMs : millisOf(this.#known('read_at') ?? this.#now);
    const fullMs =
      this.looked.kind === 'full' ? nowMs : millisOf(this.#known('full_at') ?? this.#now);
    const { path, shard } = this.looked;
    const dues = [
      lastMs + everyMsFor(times, shards),
      fullMs + fullEveryMs(times, path, shard),
      ...(this.#suspects.length > 0 ? [nowMs + times.graceMs] : []),
    ];
    return instantOfMillis(Math.min(...dues)) ?? this.#now;
  }

  #refOf(key: JsonObject): string {
    return refOfParts(this.looked.path.ref, this.#partsOf(key));
  }

  #partsOf(key: JsonObject): string[] {
    return this.looked.path.keyColumns.map((column) => textOf(key[column] ?? null));
  }
}

const DAY_MS = 24 * 60 * 60 * 1000;

/** Of odd places none has a key; a shared row stands for several. */
function isShared({ key, keys, kind }: OpenDifference): boolean {
  return key === null && (kind !== 'invalid_payload' || keys > 1);
}

function isDifferent(key: ComparedKey): key is ComparedKey & { state: DifferenceKind } {
  return isDifferentState(key.state);
}

function isDifferentState(state: ComparedKey['state']): state is DifferenceKind {
  return state !== 'none' && state !== 'agrees' && state !== 'retained';
}

function textOf(value: Json): string {
  return typeof value === 'string' ? value : '';
}

/** A key by its columns. */
export function keyObject(
  { keyColumns }: Pick<MirroredPath, 'keyColumns'>,
  parts: readonly string[],
): JsonObject {
  return Object.fromEntries(keyColumns.map((column, place) => [column, parts[place] ?? null]));
}

function versionOf(row: Row | null): Pick<Suspect, 'event_id' | 'mirrored_at'> {
  return { event_id: row?.eventId ?? null, mirrored_at: row?.mirroredAt ?? null };
}

function hasStoodStill(row: Row | null, suspect: Suspect): boolean {
  const { event_id, mirrored_at } = versionOf(row);
  return event_id === suspect.event_id && mirrored_at === suspect.mirrored_at;
}

/** What ended a difference. Pure. */
export function resolvedBy(
  row: Row | null,
  { key, written_before: before }: Pick<OpenDifference, 'key' | 'written_before'>,
  { direct }: Pick<ShardState, 'direct'>,
): ResolvedBy {
  const past = direct.find((write) => isSameKey(write.key, key) && write.at > before);
  if (past !== undefined && (row === null || row.mirroredAt <= past.at)) return 'direct';
  if (row === null || row.mirroredAt <= before) return 'gone';
  if (row.origin !== 'rtdb') return row.origin as ResolvedBy;
  return row.eventTime !== null && row.eventTime <= before ? 'event' : 'superseded';
}

function isSameKey(a: JsonObject, b: JsonObject | null): boolean {
  return b !== null && Object.keys(b).every((column) => a[column] === b[column]);
}

/**
 * Since when a whole reading counts what events brought: the newest whole reading that is a window old, but none
 * before the mirror was caught up with the last gap; '-infinity' for a shard that was born after all was read
 * once; null where nothing tells.
 */
function countedSince({ state }: Looked, { times }: DecideOptions): string | null {
  const { reading, readAt, pathBooks } = state;
  const whole = reading?.whole_at ?? [];
  const oldest = instantOfMillis(millisOf(readAt) - times.windowMs) ?? '';
  const aged = whole.filter((at) => at <= oldest).at(-1);
  const base = aged ?? bornLate(reading, pathBooks.first_pass_at) ?? whole[0] ?? null;
  const caughtUp = reading?.caught_up_at ?? null;
  if (base === null || caughtUp === null) return base;
  return base !== '-infinity' && base > caughtUp ? base : caughtUp;
}

function bornLate(reading: ShardState['reading'], passedAt: string | null): '-infinity' | null {
  if (passedAt === null || reading === null || reading.first_seen_at <= passedAt) return null;
  const isYoung = reading.read_at === null || reading.counted_since === '-infinity';
  return isYoung ? '-infinity' : null;
}

/** Less up to a tenth, by the shard: all of them would be due at once, as they were first read. */
export function fullEveryMs(
  { fullEveryMs: every }: ProofTimes,
  { dayColumn }: Pick<MirroredPath, 'dayColumn'>,
  shard: string,
): number {
  let hash = 0;
  for (let place = 0; place < shard.length; place += 1) {
    hash = (hash * 31 + shard.charCodeAt(place)) % 1_000_003;
  }
  const share = 0.9 + 0.1 * (hash / 1_000_003);
  return (dayColumn === null ? every.undated : every.dated) * share;
}
