import { millisOf } from '../values/event-time';
import type { JsonObject } from '../values/json';
import { type ComparedKey, type DifferenceKind, type Row, seenOf } from './compare-key';
import { isTextKey, keyId, keyObject, partsOfKey, refOfParts } from './key-parts';
import { partsOfPlace } from './leaves-of-node';
import type { ProofTimes } from './proof-times';
import type { Decision, Difference, Looked, ResolvedBy } from './reading';
import { caughtUpAt, countedSince, lastLookAt, nextDue, touchedAgainAt } from './reading-times';
import type { OpenDifference, ShardState, Suspect } from './shard-state';
import { isShared, MAX_ROWS_OF_KIND, shareRows } from './shared-rows';

export interface DecideOptions {
  times: ProofTimes;
  /** How many shards the path has: the more there are, the more seldom each is read. */
  shards: number;
}

/** What becomes of a shard by a reading. Pure. */
export function decideReading(looked: Looked, options: DecideOptions): Decision {
  const builder = new DecisionBuilder(looked, options);
  for (const key of looked.compared) builder.take(key);
  builder.takeOdd();
  builder.closeUnseen();
  return builder.decision();
}

/** One reading under decision: gathers what each key gives rise to. */
class DecisionBuilder {
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
  /** Writes past the mirror, of each key the last one. */
  readonly #hands: ReadonlyMap<string, ShardState['direct'][number]>;

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
    this.#hands = new Map(
      state.direct
        .filter((write) => write.is_change && write.operation !== 'delete')
        .map((write) => [keyId(partsOfKey(looked.path, write.key)), write]),
    );
    this.#suspectByKey = new Map(state.suspects.map((one) => [this.#refOf(one.key), one]));
    this.#countedSince = this.#isWhole
      ? countedSince(state, options.times)
      : this.#known('counted_since');
  }

  #openOf(ref: string, kind: string): OpenDifference | undefined {
    return this.#openByRef.get(ref)?.find((open) => open.kind === kind);
  }

  /** What is open of a key, and not dealt with yet. Odd places are no keys. */
  #openAt(ref: string): OpenDifference[] {
    const open = this.#openByRef.get(ref) ?? [];
    return open.filter(({ id, kind }) => !this.#kept.has(id) && kind !== 'invalid_payload');
  }

  take(key: ComparedKey): void {
    const suspect = this.#suspectByKey.get(key.ref);
    this.#suspectByKey.delete(key.ref);
    // Of columns that are still to be computed nothing is known: what is open of them stays so.
    if (key.state === 'column_mismatch' && this.looked.state.pathBooks.are_columns_due) {
      for (const open of this.#openAt(key.ref)) {
        if (open.kind === 'column_mismatch') this.#leaveOpen(open);
      }
      this.#takeAgreeing(key, suspect);
    } else if (isDifferent(key)) this.#takeDifferent(key, key.state, suspect);
    else this.#takeAgreeing(key, suspect);
  }

  /** Whatever is odd in what was looked at; of the rest of the shard a full reading alone knows. */
  takeOdd(): void {
    for (const odd of this.looked.odd) {
      const open = this.#openOf(odd.ref, 'invalid_payload');
      if (open !== undefined) {
        this.#keep(open);
        continue;
      }
      this.#open({
        ...{ ref: odd.ref, kind: 'invalid_payload', compared: null, odd, keys: 1 },
        writtenAfter: this.#lastLookAtOdd(odd.ref),
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
      const { covers, path } = this.looked;
      const isCovered =
        open.kind === 'invalid_payload'
          ? this.#isFull || (path.dayColumn !== null && covers(this.#placeOf(open.ref), open.kind))
          : covers(partsOfKey(path, open.key ?? {}), open.kind);
      if (isCovered) this.#resolve(open, null);
      else this.#leaveOpen(open);
    }
    for (const suspect of this.#suspectByKey.values()) {
      const isCovered = this.looked.covers(
        partsOfKey(this.looked.path, suspect.key),
        'value_mismatch',
      );
      if (!isCovered) this.#suspects.push(suspect);
    }
  }

  decision(): Decision {
    const { state, kind, path, shard, compared, hasNode } = this.looked;
    const { times, shards } = this.options;
    const changes = shareRows(
      { opened: this.#opened, renewed: this.#renewed, resolved: this.#resolved },
      this.#standing,
      this.looked,
    );
    const isFull = kind === 'full';
    const set = { isWhole: this.#isWhole, isFull, hasSuspects: this.#suspects.length > 0 };
    return {
      ...changes,
      suspects: this.#suspects,
      brought: this.#isWhole ? this.#brought : (state.reading?.brought ?? 0) + this.#brought,
      inFlight: this.#suspects.length + this.#restless + this.#restlessBefore(),
      countedSince: this.#countedSince,
      caughtUpAt: caughtUpAt(state, isFull),
      touchedAgainAt: touchedAgainAt(state, times),
      dueAt: nextDue(state, set, { path, shard, shards }, times),
      isFullDue: hasSharedRow(changes, state) || (!isFull && state.reading?.is_full_due === true),
      isGone: isFull && !hasNode && compared.length === 0 && this.#standing.size === 0,
    };
  }

  get #isWhole(): boolean {
    return this.looked.kind === 'whole' || this.looked.kind === 'full';
  }

  get #isFull(): boolean {
    return this.looked.kind === 'full';
  }

  #placeOf(ref: string): string[] {
    return partsOfPlace(this.looked.path, ref.split('/'));
  }

  /** A whole reading looks at the days of its range, whatever they are; without days at no odd place. */
  #lastLookAtOdd(ref: string): string | null {
    const { path, state } = this.looked;
    if (path.dayColumn === null) return this.#known('full_at');
    const day = this.#placeOf(ref)[path.keyColumns.indexOf(path.dayColumn)] ?? '';
    const at = { day: isTextKey(day) ? day : '', presence: true, movedAt: null };
    return lastLookAt(state, at, this.options.times);
  }

  #known<Field extends keyof NonNullable<ShardState['reading']>>(
    field: Field,
  ): NonNullable<ShardState['reading']>[Field] | null {
    return this.looked.state.reading?.[field] ?? null;
  }

  #takeDifferent(key: ComparedKey, kind: DifferenceKind, suspect: Suspect | undefined): void {
    const open = this.#openOf(key.ref, kind);
    if (open !== undefined && open.seen === seenOf(key)) this.#keep(open);
    else if (this.#isBulk || (this.looked.kind === 'full' && this.#isShared(kind))) {
      this.#openKey(key, kind, this.#lastLook(key, kind), this.#now);
    } else if (suspect === undefined) this.#suspect(key, kind);
    else if (!this.#isRipe(suspect)) this.#suspects.push(suspect);
    else if (hasStoodStill(key.row, suspect)) {
      // It differs in another way than it did: that difference is over.
      for (const other of this.#openAt(key.ref)) this.#resolve(other, key.row);
      this.#openKey(key, kind, suspect.written_after, suspect.looked_at);
    } else this.#lookAgain(key.row, suspect);
    // Until it is known how it differs by now, what is open stays so.
    for (const other of this.#openAt(key.ref)) this.#leaveOpen(other);
  }

  /** Whether a row stands for keys of this kind: which of them is nowhere written. */
  #isShared(kind: string): boolean {
    return this.looked.state.open.some((open) => open.kind === kind && isShared(open));
  }

  /** Whether its last look is long enough ago for the next one. */
  #isRipe({ looked_at: lookedAt, looks }: Suspect): boolean {
    return millisOf(this.#now) - millisOf(lookedAt) >= this.options.times.graceMs * looks;
  }

  #lookAgain(row: Row | null, suspect: Suspect): void {
    const looks = suspect.looks + 1;
    if (looks >= this.options.times.looks) this.#restless += 1;
    else this.#suspects.push({ ...suspect, looks, ...versionOf(row) });
  }

  #takeAgreeing(key: ComparedKey, suspect: Suspect | undefined): void {
    const { row, state, ref } = key;
    const open = this.#openAt(ref);
    for (const one of open) this.#resolve(one, row);
    if (row === null) return;
    if (state === 'agrees' && open.length === 0 && this.#isUntoldFill(row, ref, suspect)) {
      this.#takeFill(key, row, suspect);
    }
    const hand = this.#handOf(key);
    if (hand !== undefined) {
      if (open.length === 0 && this.#isUntold(ref, suspect, hand.at)) {
        const kind = hand.operation === 'insert' ? 'missing_in_postgres' : 'value_mismatch';
        this.#openKey(key, kind, this.#lastLook(key, kind), this.#now, 'direct');
      }
      return;
    }
    const counts = this.#isWhole || suspect?.looked_at === this.#known('read_at');
    if (counts && state !== 'retained' && this.#wasBrought(row)) this.#brought += 1;
  }

  /** Who wrote past the mirror what the row shows since: whatever it says, no event brought that. */
  #handOf({ parts, row }: ComparedKey): ShardState['direct'][number] | undefined {
    if (row === null || row.isTombstone || this.#hands.size === 0) return undefined;
    const write = this.#hands.get(keyId(parts));
    return write !== undefined && write.at >= row.mirroredAt ? write : undefined;
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
    return row.origin !== 'rtdb' && this.#isUntold(ref, suspect, row.mirroredAt);
  }

  #isUntold(ref: string, suspect: Suspect | undefined, at: string): boolean {
    const { state } = this.looked;
    if (this.#settled.has(ref) || this.#isShared('missing_in_postgres')) return false;
    const last = suspect === undefined ? this.#known('read_at') : suspect.written_after;
    if (last !== null) return at > last;
    const { first_pass_at: passed } = state.pathBooks;
    const seen = this.#known('first_seen_at');
    // Of a shard that stood before all was read once, nothing tells.
    return passed !== null && seen !== null && seen > passed;
  }

  /** By an event, in the window before the reading: what came earlier would hide a loss of the last hours. */
  #wasBrought(row: Row): boolean {
    if (this.#countedSince === null || row.origin !== 'rtdb') return false;
    const isRecent = millisOf(row.mirroredAt) > millisOf(this.#now) - this.options.times.windowMs;
    return isRecent && (this.#countedSince === '-infinity' || row.mirroredAt > this.#countedSince);
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
    this.#renewed.push({ id: open.id, keys: null });
    this.#leaveOpen(open);
  }

  #leaveOpen(open: OpenDifference): void {
    this.#kept.add(open.id);
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

  #lastLook({ parts, row }: ComparedKey, kind: DifferenceKind): string | null {
    const { day } = this.looked.path.placeOf({ key: {}, parts });
    const presence = kind === 'missing_in_postgres' || kind === 'missing_in_rtdb';
    const at = { day, presence, movedAt: row?.mirroredAt ?? null };
    return lastLookAt(this.looked.state, at, this.options.times);
  }

  get #now(): string {
    return this.looked.state.readAt;
  }

  /** Keys that the last whole reading called in flight, and that nobody has looked at since. */
  #restlessBefore(): number {
    if (this.#isWhole) return 0;
    return Math.max(0, (this.#known('in_flight') ?? 0) - this.looked.state.suspects.length);
  }

  #refOf(key: JsonObject): string {
    return refOfParts(this.looked.path.ref, partsOfKey(this.looked.path, key));
  }
}

/** How many a shared row stands for only a full reading can tell: the next one is to be one. */
function hasSharedRow(
  { opened, resolved }: Pick<Decision, 'opened' | 'resolved'>,
  { open }: Pick<ShardState, 'open'>,
): boolean {
  const over = new Set(resolved.map(({ id }) => id));
  return (
    open.some((one) => isShared(one) && !over.has(one.id)) ||
    opened.some((one) => one.compared === null && one.odd === null && one.resolvedBy === null)
  );
}

function isDifferent(key: ComparedKey): key is ComparedKey & { state: DifferenceKind } {
  return key.state !== 'none' && key.state !== 'agrees' && key.state !== 'retained';
}

function versionOf(row: Row | null): Pick<Suspect, 'event_id' | 'mirrored_at'> {
  return { event_id: row?.eventId ?? null, mirrored_at: row?.mirroredAt ?? null };
}

function hasStoodStill(row: Row | null, suspect: Suspect): boolean {
  const { event_id, mirrored_at } = versionOf(row);
  return event_id === suspect.event_id && mirrored_at === suspect.mirrored_at;
}

/** What ended a difference. Pure. */
function resolvedBy(
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
