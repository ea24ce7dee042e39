import { setTimeout as delay } from 'node:timers/promises';
import type { MirroredPath } from '../functions/src/paths/mirrored-path';
import { CANARY_COUPLE } from '../functions/src/paths/quest-completions/canary-couple';
import { eventually } from '../local/eventually';
import type { DatabaseEvent } from '../rtdb-standin/triggers/database-event';
import { eventRequest } from '../rtdb-standin/triggers/event-request';
import { type Fault, type FaultPlan, fateOf } from './faults';
import type { FunctionInstance } from './function-instance';
import { KeepAliveHttp } from './keep-alive-http';
import type { Ledger } from './ledger';
import type { Random } from './seeded-random';

/** Requests that the platform lets one instance have at once: the trigger's `concurrency`. */
const CONCURRENCY = 80;
/** The platform waits 10 to 600 s between deliveries; the days pass in seconds. */
const BACKOFF_MS = { first: 50, most: 1_000 };
/** And gives up after a day. */
const RETRY_WINDOW_MS = 120_000;
const OTHER_RTDB = 'staging-default-rtdb';

export interface PlatformOptions {
  plan: FaultPlan;
  random: Random;
  ledger: Ledger;
  /** The faults by which mirroring was off for the shard when the event was written. */
  offBy(event: DatabaseEvent, shard: string): Fault[];
  /** By whether mirroring is on in them. */
  instances: { on: readonly FunctionInstance[]; off: readonly FunctionInstance[] };
}

/** What the platform did, in events. */
export interface PlatformCounts {
  emitted: number;
  dropped: number;
  duplicated: number;
  delayed: number;
  /** Leaves with an event that the mirror got after a later one, on purpose. */
  overtakenLeaves: number;
  /** Events of another RTDB. */
  foreign: number;
  deliveries: number;
  acknowledged: number;
  /** Deliveries that failed, so that the event came again. */
  retries: number;
  /** Events that failed for longer than the retry window. */
  exhausted: number;
}

/** An event, and the path whose trigger it is for. */
interface PathEvent {
  path: MirroredPath;
  event: DatabaseEvent;
  isOff: boolean;
}

interface Delivery extends PathEvent {
  attempt: number;
  since: number;
  /** The mirror has taken a later event of the leaf. */
  isOvertaken: boolean;
}

/** Stands between RTDB and the functions: at least once, any order, again until acknowledged. */
export class Platform {
  readonly counts: PlatformCounts = {
    ...{ emitted: 0, dropped: 0, duplicated: 0, delayed: 0, overtakenLeaves: 0, foreign: 0 },
    ...{ deliveries: 0, acknowledged: 0, retries: 0, exhausted: 0 },
  };
  readonly #http: KeepAliveHttp;
  readonly #room: number;
  readonly #held = new Map<string, PathEvent[]>();
  readonly #overtaken = new Set<string>();
  #queue: Delivery[] = [];
  #inFlight = 0;
  /** Deliveries that are queued, waiting or under way. */
  #open = 0;
  #whenSettled: (() => void) | null = null;
  #isStopped = false;
  #isPaused = false;

  constructor(private readonly options: PlatformOptions) {
    this.#room = CONCURRENCY * options.instances.on.length;
    this.#http = new KeepAliveHttp(CONCURRENCY);
  }

  /** Deliveries that wait for an instance. */
  get backlog(): number {
    return this.#queue.length;
  }

  /** Takes an event as RTDB emits it. */
  take(path: MirroredPath, event: DatabaseEvent): void {
    const { plan, random, ledger, offBy } = this.options;
    const shard = shardOf(path, event);
    const off = offBy(event, shard);
    const one: PathEvent = { path, event, isOff: off.length > 0 };
    if (shard === CANARY_COUPLE) {
      this.#enqueue(one, 0);
      return;
    }
    this.counts.emitted += 1;
    const fate = fateOf(plan, random);
    ledger.wrote(path, event, [...(fate.isDropped ? ['drop' as const] : []), ...off]);
    if (fate.hasForeignTwin) {
      this.counts.foreign += 1;
      this.#enqueue({ ...one, event: foreignTwin(event) }, 0);
    }
    if (fate.isDropped) {
      this.counts.dropped += 1;
      return;
    }
    if (fate.repeatAfterMs !== null) {
      this.counts.duplicated += 1;
      this.#enqueue(one, fate.repeatAfterMs);
    }
    if (fate.isOvertaken) {
      this.#held.set(event.ref, [...(this.#held.get(event.ref) ?? []), one]);
      return;
    }
    if (fate.delayMs > 0) this.counts.delayed += 1;
    this.#enqueue(one, fate.delayMs);
  }

  /** Delivers what is still held, and resolves once every event is acknowledged or given up. */
  async settle(): Promise<void> {
    for (const events of this.#held.values()) {
      for (const event of events) this.#enqueue(event, 0);
    }
    this.#held.clear();
    if (this.#open > 0) {
      await new Promise<void>((resolve) => {
        this.#whenSettled = resolve;
      });
    }
  }

  /** Does something while no delivery is under way. */
  async whilePaused<T>(work: () => Promise<T>): Promise<T> {
    this.#isPaused = true;
    try {
      await eventually(() => this.#inFlight === 0, {
        describe: 'deliveries that are under way to end',
        timeoutMs: RETRY_WINDOW_MS,
        intervalMs: 5,
      });
      return await work();
    } finally {
      this.#isPaused = false;
      this.#fill();
    }
  }

  stop(): void {
    this.#isStopped = true;
    this.#queue = [];
    this.#http.close();
  }

  #enqueue(of: PathEvent, afterMs: number, isOvertaken = false): void {
    this.#open += 1;
    const delivery: Delivery = { ...of, attempt: 0, since: performance.now(), isOvertaken };
    if (afterMs > 0) void delay(afterMs).then(() => this.#push(delivery));
    else this.#push(delivery);
  }

  #push(delivery: Delivery): void {
    this.#queue.push(delivery);
    this.#fill();
  }

  #fill(): void {
    while (this.#inFlight < this.#room && !this.#isStopped && !this.#isPaused) {
      const delivery = this.#queue.shift();
      if (delivery === undefined) return;
      this.#inFlight += 1;
      void this.#deliver(delivery);
    }
  }

  async #deliver(delivery: Delivery): Promise<void> {
    const { path: mirrored, event, isOff } = delivery;
    const instances = this.options.instances[isOff ? 'off' : 'on'];
    const instance = instances[this.counts.deliveries % instances.length];
    if (instance === undefined) throw new Error('no instance takes the event');
    this.counts.deliveries += 1;
    const { headers, body } = eventRequest(event, { mode: 'binary', refForm: 'raw' });
    const port = instance.portOf(mirrored.trigger);
    const status = await this.#http.send({ method: 'POST', port, path: '/', headers, body });
    this.#inFlight -= 1;
    if (status >= 200 && status < 300) this.#acknowledged(delivery, instance);
    else this.#failed(delivery);
    this.#fill();
  }

  #acknowledged({ event, isOvertaken }: Delivery, { isMirroring }: FunctionInstance): void {
    this.counts.acknowledged += 1;
    const { ledger } = this.options;
    if (isMirroring) ledger.mirrored(event.id);
    if (isMirroring && isOvertaken) this.#overtaken.add(event.ref);
    this.counts.overtakenLeaves = this.#overtaken.size;
    this.#releaseOvertaken(event, isMirroring);
    this.#close();
  }

  /** Whatever waited for a later event of its leaf comes now. */
  #releaseOvertaken({ ref, time }: DatabaseEvent, isMirrored: boolean): void {
    const held = this.#held.get(ref);
    if (held === undefined) return;
    const isEarlier = ({ event }: PathEvent) => event.time < time;
    this.#held.set(
      ref,
      held.filter((one) => !isEarlier(one)),
    );
    for (const one of held.filter(isEarlier)) this.#enqueue(one, 0, isMirrored);
  }

  #failed(delivery: Delivery): void {
    if (performance.now() - delivery.since > RETRY_WINDOW_MS) {
      this.counts.exhausted += 1;
      this.#close();
      return;
    }
    this.counts.retries += 1;
    // Not the seed's numbers: how often something fails depends on the machine.
    const backoffMs = Math.min(BACKOFF_MS.most, BACKOFF_MS.first * 2 ** delivery.attempt);
    const again = { ...delivery, attempt: delivery.attempt + 1 };
    void delay(backoffMs * (0.5 + Math.random())).then(() => this.#push(again));
  }

  #close(): void {
    this.#open -= 1;
    if (this.#open === 0) this.#whenSettled?.();
  }
}

function shardOf(path: MirroredPath, { ref, time }: DatabaseEvent): string {
  const parsed = path.parsePath(ref, time);
  return (parsed.ok ? parsed.leaf.parts[0] : parsed.place.shard) ?? '';
}

/** A removal of the same leaf in another RTDB, later: the row would be gone if anybody took it. */
function foreignTwin(event: DatabaseEvent): DatabaseEvent {
  return {
    ...event,
    id: `${event.id}-foreign`,
    instance: OTHER_RTDB,
    source: event.source.replace(/[^/]+$/, OTHER_RTDB),
    time: new Date(Date.parse(event.time) + 1).toISOString(),
    data: { ...event.data, delta: null },
  };
}
