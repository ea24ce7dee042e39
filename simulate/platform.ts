import { setTimeout as delay } from 'node:timers/promises';
import type { DatabaseEvent } from '../rtdb-standin/triggers/database-event';
import { eventRequest } from '../rtdb-standin/triggers/event-request';
import { type FaultPlan, fateOf } from './faults';
import type { FunctionInstance } from './function-instance';
import { KeepAliveHttp } from './keep-alive-http';
import type { Ledger } from './ledger';
import type { Random } from './seeded-random';

/** Requests that the platform lets one instance have at once: the trigger's `concurrency`. */
const CONCURRENCY = 80;
/** The platform waits 10 to 600 s between deliveries; the day passes in seconds. */
const BACKOFF_MS = { first: 50, most: 1_000 };
/** And gives up after a day. */
const RETRY_WINDOW_MS = 120_000;

export interface PlatformOptions {
  plan: FaultPlan;
  random: Random;
  ledger: Ledger;
  /** The instances that may get the event, by what was deployed when it was written. */
  instancesFor(event: DatabaseEvent): readonly FunctionInstance[];
  /** Of all of them. */
  instanceCount: number;
}

/** What the platform did, in events. */
export interface PlatformCounts {
  emitted: number;
  dropped: number;
  duplicated: number;
  delayed: number;
  /** Leaves with an event that the mirror got after a later one, on purpose. */
  overtakenLeaves: number;
  deliveries: number;
  acknowledged: number;
  /** Deliveries that failed, so that the event came again. */
  retries: number;
  /** Events that failed for longer than the retry window. */
  exhausted: number;
}

interface Delivery {
  event: DatabaseEvent;
  attempt: number;
  since: number;
  /** The mirror has taken a later event of the leaf. */
  isOvertaken: boolean;
}

/** Stands between RTDB and the function: at least once, any order, again until acknowledged. */
export class Platform {
  readonly counts: PlatformCounts = {
    ...{ emitted: 0, dropped: 0, duplicated: 0, delayed: 0, overtakenLeaves: 0 },
    ...{ deliveries: 0, acknowledged: 0, retries: 0, exhausted: 0 },
  };
  readonly #http: KeepAliveHttp;
  readonly #room: number;
  readonly #held = new Map<string, DatabaseEvent[]>();
  readonly #overtaken = new Set<string>();
  #queue: Delivery[] = [];
  #inFlight = 0;
  /** Deliveries that are queued, waiting or under way. */
  #open = 0;
  #whenSettled: (() => void) | null = null;
  #isStopped = false;

  constructor(private readonly options: PlatformOptions) {
    this.#room = CONCURRENCY * options.instanceCount;
    this.#http = new KeepAliveHttp(CONCURRENCY);
  }

  /** Deliveries that wait for an instance. */
  get backlog(): number {
    return this.#queue.length;
  }

  /** Takes an event as RTDB emits it. */
  take(event: DatabaseEvent): void {
    const { plan, random, ledger } = this.options;
    this.counts.emitted += 1;
    ledger.wrote(event);
    const fate = fateOf(plan, random);
    if (fate.isDropped) {
      this.counts.dropped += 1;
      return;
    }
    if (fate.repeatAfterMs !== null) {
      this.counts.duplicated += 1;
      this.#enqueue(event, fate.repeatAfterMs);
    }
    if (fate.isOvertaken) {
      this.#held.set(event.ref, [...(this.#held.get(event.ref) ?? []), event]);
      return;
    }
    if (fate.delayMs > 0) this.counts.delayed += 1;
    this.#enqueue(event, fate.delayMs);
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

  stop(): void {
    this.#isStopped = true;
    this.#queue = [];
    this.#http.close();
  }

  #enqueue(event: DatabaseEvent, afterMs: number, isOvertaken = false): void {
    this.#open += 1;
    const delivery: Delivery = { event, attempt: 0, since: performance.now(), isOvertaken };
    if (afterMs > 0) void delay(afterMs).then(() => this.#push(delivery));
    else this.#push(delivery);
  }

  #push(delivery: Delivery): void {
    this.#queue.push(delivery);
    this.#fill();
  }

  #fill(): void {
    while (this.#inFlight < this.#room && !this.#isStopped) {
      const delivery = this.#queue.shift();
      if (delivery === undefined) return;
      this.#inFlight += 1;
      void this.#deliver(delivery);
    }
  }

  async #deliver(delivery: Delivery): Promise<void> {
    const { event } = delivery;
    const instances = this.options.instancesFor(event);
    const instance = instances[this.counts.deliveries % instances.length];
    if (instance === undefined) throw new Error('no instance takes the event');
    this.counts.deliveries += 1;
    const { headers, body } = eventRequest(event, { mode: 'binary', refForm: 'raw' });
    const { port } = instance;
    const status = await this.#http.send({ method: 'POST', port, path: '/', headers, body });
    this.#inFlight -= 1;
    if (status >= 200 && status < 300) this.#acknowledged(delivery, instance);
    else this.#failed(delivery);
    this.#fill();
  }

  #acknowledged({ event, isOvertaken }: Delivery, { isMirroring }: FunctionInstance): void {
    this.counts.acknowledged += 1;
    if (isMirroring) this.options.ledger.mirrored(event.id);
    if (isMirroring && isOvertaken) this.#overtaken.add(event.ref);
    this.counts.overtakenLeaves = this.#overtaken.size;
    this.#releaseOvertaken(event, isMirroring);
    this.#close();
  }

  /** Whatever waited for a later event of its leaf comes now. */
  #releaseOvertaken({ ref, time }: DatabaseEvent, isMirrored: boolean): void {
    const held = this.#held.get(ref);
    if (held === undefined) return;
    const isEarlier = (event: DatabaseEvent) => event.time < time;
    this.#held.set(
      ref,
      held.filter((event) => !isEarlier(event)),
    );
    for (const event of held.filter(isEarlier)) this.#enqueue(event, 0, isMirrored);
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
