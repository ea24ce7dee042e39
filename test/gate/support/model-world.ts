/**
 * A world in which the gate is tried: couples who write, a mirror that loses what it is told to lose, readings as
 * DESIGN's sections on the proof describe them, repairs, gaps, canaries; and all that a judge must know who holds both
 * exports and the list of what was lost. Hours are the unit of time; a week of it takes well under a second.
 */

/** What RTDB holds at a key; undefined = nothing. */
type Value = string | undefined;

interface WriteEvent {
  at: number;
  id: number;
  key: Key;
  value: Value;
  isLost: boolean;
  outcome: 'applied' | 'stale' | 'disabled' | null;
}

interface Row {
  value: Value;
  origin: 'rtdb' | 'client' | 'backfill' | 'repair';
  eventAt: number;
  eventId: number;
  mirroredAt: number;
}

export interface Key {
  couple: Couple;
  day: number;
  rtdb: Value;
  row: Row | null;
  writes: WriteEvent[];
  /** What RTDB held since when. */
  history: [at: number, value: Value][];
  /** When a reading last looked at it. */
  readAt: number | null;
  directAt: number | null;
  /** The row that a repair or a backfill has told of itself. */
  toldRowAt: number | null;
}

export interface Difference {
  key: Key;
  kind: 'missing_in_postgres' | 'missing_in_rtdb' | 'value_mismatch';
  after: number | null;
  before: number;
  resolvedBy: string | null;
  resolvedAt: number | null;
}

/** One couple, with what the books say of it. */
export interface Couple {
  n: number;
  days: Map<number, Map<string, Key>>;
  /** Those of all days. */
  all: Key[];
  open: Map<Key, Difference>;
  differences: Difference[];
  seenAt: number | null;
  bornAt: number;
  readAt: number | null;
  touchedAt: number | null;
  fullAt: number | null;
  setAt: number;
  countedSince: number | null;
  wholeAt: number[];
  caughtUpAt: number | null;
  keys: number;
  brought: number;
  inFlight: number;
  failedAt: number | null;
  direct: { at: number; key: Key }[];
  moved: Set<Key>;
  movedSinceWhole: Set<Key>;
  isFullDue: boolean;
  isDue: boolean;
  busyUntil: number;
  phase: number;
  inPercent: number;
  isIdle: boolean;
}

type ReadingKind = 'full' | 'whole' | 'touched';
export type Operation = 'create' | 'update' | 'delete' | 'canary';

export interface Scenario {
  couples: number;
  hours: number;
  /** Sessions a couple a day, and writes in each. */
  sessions: number;
  burst: number;
  /** Keys of each couple's past. */
  past: number;
  /** How often a couple is read. */
  everyHours: number;
  maxAgeHours: number;
  asks: number[];
  /** From when on a good mirror has to be Ready. */
  readyBy: number;
  updates: number;
  deletes: number;
  claims: number;
  signUpsADay: number;
  /** Few keys that are written again and again; 0 = each write has a key of its own. */
  hotKeys: number;
  /** Mirroring is off until then; null = it has always been on. */
  onAt: number | null;
  /** The share of events that take up to two hours. */
  slow: number;
  loses(world: ModelWorld, key: Key | null, operation: Operation): boolean;
  cannotRead(couple: Couple): boolean;
  setUp(world: ModelWorld): void;
}

export interface CanaryFlight {
  at: number;
  arrivedAt: number | null;
}

const GRACE = 30 / 3600;
const LOOKS = 3;
const RECONCILE_DAYS = 7;
const FULL_DAYS = 30;

export class ModelWorld {
  now = 0;
  couples: Couple[] = [];
  canaries: CanaryFlight[] = [];
  gaps: { from: number; to: number | null; reason: 'flag_off' | 'percent' }[] = [];
  outage = { isOn: false };
  isOn: boolean;
  percent = 1;
  isReaderDown = false;
  listedAt = -1e9;
  firstPassAt: number | null = null;
  restoredAt: number | null = null;
  readonly beganAt: number;
  #listedBefore = -1e9;
  #gapEnd: number | null = null;
  #eventId = 0;
  #names = 0;
  #queue: { at: number; n: number; run: () => void }[] = [];
  #queued = 0;
  #state: number;

  constructor(
    readonly scenario: Scenario,
    seed: number,
  ) {
    this.#state = seed >>> 0;
    this.isOn = scenario.onAt === null;
    this.beganAt = scenario.onAt === null ? -1000 : 0;
    if (scenario.onAt === null) this.firstPassAt = -999;
  }

  random(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  }

  exponential(mean: number): number {
    return -mean * Math.log(1 - this.random());
  }

  at(time: number, run: () => void): void {
    const entry = { at: time, n: this.#queued++, run };
    const queue = this.#queue;
    let i = queue.length;
    while (i > 0) {
      const above = (i - 1) >> 1;
      const parent = queue[above];
      if (parent === undefined || isBefore(parent, entry)) break;
      queue[i] = parent;
      i = above;
    }
    queue[i] = entry;
  }

  #next(): { at: number; run: () => void } | undefined {
    const queue = this.#queue;
    const [top] = queue;
    const last = queue.pop();
    if (last === undefined || last === top) return top;
    let i = 0;
    for (;;) {
      let below = 2 * i + 1;
      const [left, right] = [queue[below], queue[below + 1]];
      if (left === undefined) break;
      if (right !== undefined && isBefore(right, left)) below += 1;
      const child = queue[below];
      if (child === undefined || isBefore(last, child)) break;
      queue[i] = child;
      i = below;
    }
    queue[i] = last;
    return top;
  }

  get today(): number {
    return Math.floor(this.now / 24);
  }

  // -- Couples who write, and their events.

  couple(isSeen: boolean): Couple {
    const couple: Couple = {
      ...{ n: this.couples.length, days: new Map(), all: [], open: new Map(), differences: [] },
      ...{ seenAt: isSeen ? this.now : null, bornAt: this.now, readAt: null, touchedAt: null },
      ...{ fullAt: null, setAt: -1e9, countedSince: null, wholeAt: [], caughtUpAt: null },
      ...{ keys: 0, brought: 0, inFlight: 0, failedAt: null, direct: [] },
      ...{ moved: new Set<Key>(), movedSinceWhole: new Set<Key>(), isFullDue: false, isDue: false },
      ...{ busyUntil: 0, phase: this.random(), inPercent: this.random(), isIdle: false },
    };
    this.couples.push(couple);
    return couple;
  }

  key(couple: Couple, day: number, name: string): Key {
    const keys = couple.days.get(day) ?? new Map<string, Key>();
    couple.days.set(day, keys);
    const known = keys.get(name);
    if (known) return known;
    const key: Key = {
      ...{ couple, day, rtdb: undefined, row: null, writes: [], history: [] },
      ...{ readAt: null, directAt: null, toldRowAt: null },
    };
    keys.set(name, key);
    couple.all.push(key);
    return key;
  }

  keysOf({ all }: Couple): readonly Key[] {
    return all;
  }

  write(couple: Couple, day: number, name: string, value: Value): Key {
    const key = this.key(couple, day, name);
    if (value === undefined && key.rtdb === undefined) return key;
    const operation = value === undefined ? 'delete' : key.rtdb === undefined ? 'create' : 'update';
    key.rtdb = value;
    key.history.push([this.now, value]);
    const event: WriteEvent = {
      ...{ at: this.now, id: ++this.#eventId, key, value, outcome: null },
      isLost: this.scenario.loses(this, key, operation),
    };
    key.writes.push(event);
    if (event.isLost) return key;
    let delay = this.exponential(1.5 / 3600);
    const luck = this.random();
    if (luck < this.scenario.slow) delay = this.random() * 2;
    else if (luck < this.scenario.slow * 1.1) delay = this.random() * 24;
    this.at(this.now + delay, () => this.#deliver(event));
    if (this.random() < 0.02) {
      this.at(this.now + delay + this.exponential(0.5), () => this.#deliver(event));
    }
    return key;
  }

  #deliver(event: WriteEvent): void {
    const { key } = event;
    if (!this.isOn || key.couple.inPercent >= this.percent) {
      event.outcome = 'disabled';
      return;
    }
    if (this.outage.isOn) {
      this.at(this.now + 0.05 + this.random() * 0.2, () => this.#deliver(event));
      return;
    }
    key.couple.seenAt ??= this.now;
    const { row } = key;
    if (row && (row.eventAt > event.at || (row.eventAt === event.at && row.eventId >= event.id))) {
      event.outcome ??= row.eventId === event.id ? 'applied' : 'stale';
      return;
    }
    event.outcome = 'applied';
    this.#setRow(key, event.value, 'rtdb', event.at, event.id);
  }

  #setRow(key: Key, value: Value, origin: Row['origin'], eventAt: number, eventId = 0): void {
    key.row = { value, origin, eventAt, eventId, mirroredAt: this.now };
    key.couple.moved.add(key);
    key.couple.movedSinceWhole.add(key);
  }

  claim(couple: Couple, day: number, name: string, value: Value): void {
    const key = this.key(couple, day, name);
    if (key.row) return;
    couple.seenAt ??= this.now;
    this.#setRow(key, value, 'client', -1e18);
  }

  /** Somebody removes a row by SQL. */
  removeByHand(key: Key): void {
    key.row = null;
    key.directAt = this.now;
    key.couple.direct.push({ at: this.now, key });
    key.couple.moved.add(key);
    key.couple.movedSinceWhole.add(key);
  }

  truncate(): void {
    for (const couple of this.couples) {
      for (const key of this.keysOf(couple)) if (key.row) this.removeByHand(key);
    }
    this.restored();
  }

  /** A store was put back: what was read in full before proves nothing. */
  restored(): void {
    this.restoredAt = this.now;
    for (const couple of this.couples) couple.isFullDue = true;
  }

  setFlag(isOn: boolean, percent = 1): void {
    const wasForAll = this.isOn && this.percent >= 1;
    this.isOn = isOn;
    this.percent = percent;
    const isForAll = isOn && percent >= 1;
    const gap = this.gaps.at(-1);
    if (gap && gap.to === null) gap.to = this.now;
    if (!isForAll) {
      this.gaps.push({ from: this.now, to: null, reason: isOn ? 'percent' : 'flag_off' });
    } else if (!wasForAll) this.#gapEnd = this.now;
  }

  repair(): void {
    for (const couple of this.couples) {
      for (const difference of [...couple.open.values()]) {
        const { key } = difference;
        couple.open.delete(key);
        Object.assign(difference, { resolvedAt: this.now, resolvedBy: 'repair' });
        this.#setRow(key, key.rtdb, 'repair', this.now);
        key.toldRowAt = this.now;
      }
    }
  }

  backfill(): void {
    for (const couple of this.couples) {
      for (const key of this.keysOf(couple)) {
        if (key.rtdb === undefined || key.row) continue;
        couple.seenAt ??= this.now;
        const open = couple.open.get(key);
        if (open) {
          couple.open.delete(key);
          Object.assign(open, { resolvedAt: this.now, resolvedBy: 'backfill' });
        } else if (this.firstPassAt !== null || couple.readAt !== null) {
          this.#log(couple, key, 'missing_in_postgres', this.now, 'backfill');
        }
        this.#setRow(key, key.rtdb, 'backfill', -1e18);
        key.toldRowAt = this.now;
      }
    }
  }

  // -- Readings.

  /** How both stores look at a key. */
  stateOf({ rtdb, row }: Key): 'none' | 'client_only' | 'differs' | 'agrees' {
    const isLive = row !== null && row.value !== undefined;
    if (rtdb === undefined) {
      if (!isLive) return 'none';
      return row.origin === 'client' ? 'client_only' : 'differs';
    }
    return isLive && row.value === rtdb ? 'agrees' : 'differs';
  }

  #covered(couple: Couple, kind: ReadingKind): Set<Key> {
    const keys = new Set<Key>(couple.open.keys());
    if (kind === 'touched') for (const key of couple.moved) keys.add(key);
    else {
      const last = couple.readAt === null ? 1e9 : Math.floor(couple.readAt / 24);
      const from = kind === 'full' ? -1e9 : Math.min(this.today - RECONCILE_DAYS, last);
      const touched = new Set([...couple.movedSinceWhole].map(({ day }) => day));
      for (const [day, some] of couple.days) {
        const isCovered = kind === 'full' || (day >= from && day <= this.today + 1);
        if (isCovered || touched.has(day)) for (const key of some.values()) keys.add(key);
      }
    }
    return keys;
  }

  read(couple: Couple, kind: ReadingKind): void {
    if (this.scenario.cannotRead(couple)) {
      couple.failedAt = this.now;
      return;
    }
    const reading = {
      ...{ couple, kind, at: this.now, isFirst: couple.readAt === null },
      rows: new Map<Key, Row | null>(),
      states: new Map<Key, string>(),
      moved: [...couple.moved],
      movedSinceWhole: [...couple.movedSinceWhole],
    };
    let suspects: { key: Key; row: Row | null; looks: number }[] = [];
    for (const key of this.#covered(couple, kind)) {
      const state = this.stateOf(key);
      const row = key.row && { ...key.row };
      reading.rows.set(key, row);
      // The event of a young claim may be on its way.
      const isYoungClaim =
        state === 'agrees' && row?.origin === 'client' && row.mirroredAt > this.now - GRACE;
      if (state === 'differs' || isYoungClaim) suspects.push({ key, row, looks: 1 });
      else reading.states.set(key, state);
    }
    const look = () => {
      suspects = suspects.flatMap((suspect) => {
        const { key, row } = suspect;
        const state = this.stateOf(key);
        const isStill =
          key.row?.eventId === row?.eventId && key.row?.mirroredAt === row?.mirroredAt;
        if (state !== 'differs' || isStill) reading.states.set(key, state);
        else if (suspect.looks + 1 >= LOOKS) reading.states.set(key, 'in_flight');
        else return [{ key, row: key.row && { ...key.row }, looks: suspect.looks + 1 }];
        return [];
      });
      if (suspects.length > 0) this.at(this.now + GRACE, look);
      else this.#finish(reading);
    };
    if (suspects.length > 0) this.at(this.now + GRACE, look);
    else this.#finish(reading);
  }

  #finish(reading: {
    couple: Couple;
    kind: ReadingKind;
    at: number;
    isFirst: boolean;
    rows: Map<Key, Row | null>;
    states: Map<Key, string>;
    moved: Key[];
    movedSinceWhole: Key[];
  }): void {
    const { couple, kind, at, rows, states } = reading;
    if (couple.setAt > at) {
      couple.isDue = true;
      return;
    }
    couple.setAt = at;
    const isWhole = kind !== 'touched';
    if (kind === 'full' && (this.#gapEnd === null || at >= this.#gapEnd)) {
      // One that was born since has nothing to catch up with.
      const isBornSince =
        couple.fullAt === null &&
        this.#listedBefore >= (this.#gapEnd ?? -1e9) &&
        (couple.seenAt ?? at) > this.#listedBefore;
      const isAfterGap =
        this.#gapEnd !== null && (couple.fullAt ?? -1e9) < this.#gapEnd && !isBornSince;
      if (isAfterGap) couple.caughtUpAt = at;
    }
    if (isWhole) couple.countedSince = this.#countedSince(couple, at);
    let brought = 0;
    let inFlight = 0;
    for (const [key, row] of rows) {
      const state = states.get(key);
      const open = couple.open.get(key);
      if (state === 'differs') {
        if (!open) this.#log(couple, key, kindOf(key), at);
      } else if (state === 'in_flight') inFlight += 1;
      else {
        if (open) this.#resolve(couple, open);
        if (state === 'agrees' && row && row.origin !== 'rtdb')
          this.#tellFill(reading, key, row, !!open);
        // The day before the reading, not what else lies between two readings.
        const since = couple.countedSince === null ? at : Math.max(couple.countedSince, at - 24);
        const isBrought = row?.origin === 'rtdb' && row.mirroredAt > since && row.mirroredAt <= at;
        if (isWhole && isBrought) brought += 1;
      }
      key.readAt = at;
    }
    const isOver = (key: Key) => !key.row || key.row.mirroredAt <= at;
    for (const key of reading.moved) if (isOver(key)) couple.moved.delete(key);
    if (isWhole) {
      for (const key of reading.movedSinceWhole)
        if (isOver(key)) couple.movedSinceWhole.delete(key);
    }
    let live = 0;
    for (const key of this.keysOf(couple)) {
      const isLive = key.row !== null && key.row.value !== undefined;
      if (isLive && !(key.rtdb === undefined && key.row?.origin === 'client')) live += 1;
    }
    for (const { kind: open } of couple.open.values())
      if (open === 'missing_in_postgres') live += 1;
    couple.keys = live;
    couple.inFlight = inFlight;
    couple.failedAt = null;
    couple.seenAt ??= at;
    couple.direct = couple.direct.filter((direct) => direct.at > at);
    if (isWhole) {
      couple.readAt = at;
      couple.wholeAt.push(at);
      couple.brought = brought;
      if (kind === 'full') couple.fullAt = at;
    } else couple.touchedAt = at;
  }

  /** The newest whole reading a day before, not before the first full one after the last gap. */
  #countedSince(couple: Couple, at: number): number | null {
    const isNew =
      this.firstPassAt !== null && couple.seenAt !== null && couple.seenAt > this.firstPassAt;
    const before = couple.wholeAt.filter((one) => one <= at - 24).at(-1) ?? null;
    const since = before ?? (isNew ? -1e9 : (couple.wholeAt[0] ?? null));
    if (since === null || couple.caughtUpAt === null || couple.caughtUpAt >= at) return since;
    return Math.max(since, couple.caughtUpAt);
  }

  #resolve(couple: Couple, open: Difference): void {
    const { key, before } = open;
    const { row } = key;
    couple.open.delete(key);
    open.resolvedAt = this.now;
    const isByHand =
      key.directAt !== null && key.directAt > before && !(row && row.mirroredAt > key.directAt);
    if (isByHand) open.resolvedBy = 'direct';
    else if (!row || row.mirroredAt <= before) open.resolvedBy = 'gone';
    else if (row.origin !== 'rtdb') open.resolvedBy = row.origin;
    else open.resolvedBy = row.eventAt <= before ? 'event' : 'superseded';
  }

  /** No event brought the row: what a claim, a repair or a backfill made good is logged all the same. */
  #tellFill(reading: { at: number; isFirst: boolean }, key: Key, row: Row, wasOpen: boolean): void {
    const { couple } = key;
    const isNew =
      this.firstPassAt !== null && couple.seenAt !== null && couple.seenAt > this.firstPassAt;
    const counts = reading.isFirst ? isNew : true;
    const isYoung = couple.readAt === null || row.mirroredAt > couple.readAt;
    if (!counts || !isYoung || wasOpen || key.toldRowAt === row.mirroredAt) return;
    this.#log(couple, key, 'missing_in_postgres', reading.at, row.origin);
    key.toldRowAt = row.mirroredAt;
  }

  #log(
    couple: Couple,
    key: Key,
    kind: Difference['kind'],
    before: number,
    by: string | null = null,
  ) {
    const difference: Difference = {
      ...{ key, kind, before, after: key.readAt ?? couple.readAt },
      ...{ resolvedBy: by, resolvedAt: by === null ? null : this.now },
    };
    couple.differences.push(difference);
    if (by === null) couple.open.set(key, difference);
  }

  // -- What runs by itself.

  #list(): void {
    this.#listedBefore = this.listedAt;
    this.listedAt = this.now;
    for (const couple of this.couples) {
      let [inRtdb, inPostgres] = [false, false];
      for (const key of this.keysOf(couple)) {
        inRtdb ||= key.rtdb !== undefined;
        inPostgres ||= key.row !== null && key.row.value !== undefined;
      }
      if (inRtdb || inPostgres) couple.seenAt ??= this.now;
      const isOld = (couple.fullAt ?? -1e9) < this.now - this.scenario.everyHours;
      if (inRtdb !== inPostgres && couple.readAt !== null && isOld) couple.isFullDue = true;
    }
  }

  /** `mirror reconcile`, on demand. */
  readAll(): void {
    this.#list();
    for (const couple of this.couples) {
      if (couple.seenAt !== null) this.read(couple, couple.readAt === null ? 'full' : 'whole');
    }
  }

  #tick(): void {
    if (this.isReaderDown) return;
    if (this.now - this.listedAt >= Math.min(this.scenario.everyHours, 6)) this.#list();
    for (const couple of this.couples) {
      if (couple.seenAt === null || couple.busyUntil > this.now) continue;
      const kind = this.#dueKind(couple);
      if (kind === null) continue;
      Object.assign(couple, { isDue: false, isFullDue: false, busyUntil: this.now + 0.2 });
      this.at(this.now + this.random() * 0.1, () => this.read(couple, kind));
    }
    const isRead = ({ seenAt, fullAt, failedAt }: Couple) =>
      seenAt === null || seenAt > this.listedAt + 0.02 || fullAt !== null || failedAt !== null;
    if (this.firstPassAt === null && this.couples.every(isRead)) this.firstPassAt = this.now;
  }

  #dueKind(couple: Couple): ReadingKind | null {
    const { readAt, fullAt, touchedAt } = couple;
    if (readAt === null) return 'full';
    const fullEvery = FULL_DAYS * 24 * (0.9 + 0.1 * couple.phase);
    const lastFull = fullAt ?? -1e9;
    const isAfterGap = lastFull < Math.max(this.#gapEnd ?? -1e9, this.restoredAt ?? -1e9);
    if (couple.isFullDue || isAfterGap || this.now - lastFull >= fullEvery) return 'full';
    if (couple.isDue || this.now - readAt >= this.scenario.everyHours * 0.9) return 'whole';
    const isTouched = couple.moved.size > 0 && this.now - Math.max(touchedAt ?? -1e9, readAt) >= 1;
    return isTouched ? 'touched' : null;
  }

  #flyCanary(): void {
    if (!this.isOn) return;
    const canary: CanaryFlight = { at: this.now, arrivedAt: null };
    this.canaries.push(canary);
    if (this.scenario.loses(this, null, 'canary')) return;
    const arrive = () => {
      if (this.outage.isOn) this.at(this.now + 0.1, arrive);
      else canary.arrivedAt = this.now;
    };
    this.at(this.now + this.exponential(1.5 / 3600), arrive);
  }

  #session(couple: Couple): void {
    const { sessions, burst, hotKeys, updates, deletes, claims } = this.scenario;
    this.at(this.now + this.exponential(24 / sessions), () => {
      if (couple.isIdle) return;
      const day = this.today;
      for (let n = 0; n < burst; n += 1) {
        this.at(this.now + this.random() * 0.08, () => {
          if (couple.isIdle) return;
          const name = hotKeys ? `hot${Math.floor(this.random() * hotKeys)}` : `q${++this.#names}`;
          const key = this.write(couple, day, name, `v${++this.#names}`);
          if (this.random() < updates) {
            this.at(this.now + 0.002 + this.random() * 0.5, () => {
              if (!couple.isIdle && key.rtdb !== undefined)
                this.write(couple, day, name, `u${++this.#names}`);
            });
          }
          if (this.random() < deletes) {
            this.at(this.now + this.random() * 3, () => this.write(couple, day, name, undefined));
          }
          if (this.random() < claims) {
            this.at(this.now + this.random() * 0.001, () =>
              this.claim(couple, day, name, key.rtdb),
            );
          }
        });
      }
      this.#session(couple);
    });
  }

  #found(): void {
    const { couples, past, everyHours, onAt } = this.scenario;
    for (let n = 0; n < couples; n += 1) {
      const couple = this.couple(onAt === null);
      for (let k = 0; k < past; k += 1) {
        const key = this.key(couple, -1 - (Math.floor(k / 2) % 30), `past${k}`);
        key.rtdb = `x${k}`;
        key.history.push([-500, key.rtdb]);
        key.row = { value: key.rtdb, origin: 'rtdb', eventAt: -500, eventId: 0, mirroredAt: -500 };
      }
      if (onAt !== null) continue;
      const readAt = -everyHours * couple.phase;
      Object.assign(couple, {
        readAt,
        fullAt: readAt,
        setAt: readAt,
        wholeAt: [readAt],
        keys: past,
      });
      for (const key of this.keysOf(couple)) key.readAt = readAt;
      couple.countedSince = readAt;
    }
  }

  /** Lives it from beginning to end. */
  run(ask: (world: ModelWorld) => void): void {
    const { hours, asks, onAt, signUpsADay } = this.scenario;
    this.#found();
    if (onAt !== null) {
      this.gaps.push({ from: -1000, to: null, reason: 'flag_off' });
      this.at(onAt, () => this.setFlag(true));
    }
    for (const couple of [...this.couples]) this.#session(couple);
    const signUp = () =>
      this.at(this.now + this.exponential(24 / signUpsADay), () => {
        const couple = this.couple(false);
        this.#session(couple);
        this.write(couple, this.today, 'first', 'f');
        signUp();
      });
    if (signUpsADay > 0) signUp();
    for (let time = 0.01; time < hours; time += 0.25) this.at(time, () => this.#tick());
    for (let time = 0.02; time < hours; time += 1 / 12) this.at(time, () => this.#flyCanary());
    this.scenario.setUp(this);
    for (const time of asks) this.at(time, () => ask(this));
    for (let next = this.#next(); next !== undefined && next.at <= hours; next = this.#next()) {
      this.now = next.at;
      next.run();
    }
  }
}

function isBefore(a: { at: number; n: number }, b: { at: number; n: number }): boolean {
  return a.at < b.at || (a.at === b.at && a.n < b.n);
}

function kindOf({ rtdb, row }: Key): Difference['kind'] {
  if (rtdb === undefined) return 'missing_in_rtdb';
  return row === null || row.value === undefined ? 'missing_in_postgres' : 'value_mismatch';
}
