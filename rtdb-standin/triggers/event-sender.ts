import { Agent, request } from 'node:http';
import type { DatabaseEvent } from './database-event';
import { type EventForm, eventRequest, legacyRequest } from './event-request';
import type { EventTarget } from './trigger';

export interface Delivery {
  readonly event: DatabaseEvent;
  readonly target: EventTarget;
  /** Where it goes to a 1st-gen function. */
  readonly legacyType: string | null;
}

/**
 * Sends events to targets, at most `maxInFlight` at once. Takes the next one only when there is
 * room, so that a write of 200,000 leaves does not become as many open requests.
 */
export class EventSender {
  readonly #agent = new Agent({ keepAlive: true });
  #queue: Iterator<Delivery>[] = [];
  #idleListeners: (() => void)[] = [];
  #inFlight = 0;
  #scheduled = false;
  #stopped = false;

  constructor(
    private readonly form: EventForm,
    private readonly log: (line: string) => void,
    private readonly maxInFlight: number,
  ) {}

  /** Starts deliveries, later. A failure is logged and NOT retried, unlike in production. */
  send(deliveries: Iterable<Delivery>): void {
    this.#queue.push(deliveries[Symbol.iterator]());
    this.#schedule();
  }

  /** Resolves once nothing is left to be delivered. */
  async idle(): Promise<void> {
    if (this.#inFlight > 0 || this.#queue.length > 0) {
      await new Promise<void>((resolve) => this.#idleListeners.push(resolve));
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#queue = [];
    this.#agent.destroy();
  }

  #schedule(): void {
    if (!this.#scheduled) {
      this.#scheduled = true;
      setImmediate(() => {
        this.#scheduled = false;
        this.#fill();
      });
    }
  }

  #fill(): void {
    while (this.#inFlight < this.maxInFlight) {
      const delivery = this.#next();
      if (delivery === null) {
        break;
      }
      this.#inFlight += 1;
      void this.#attempt(delivery);
    }
    if (this.#inFlight === 0) {
      for (const resolve of this.#idleListeners.splice(0)) {
        resolve();
      }
    }
  }

  #next(): Delivery | null {
    for (;;) {
      const [first] = this.#queue;
      if (first === undefined) {
        return null;
      }
      const next = this.#advance(first);
      if (next !== null) {
        return next;
      }
      this.#queue.shift();
    }
  }

  /** Null at the end, and where the events of a write can't be made. */
  #advance(deliveries: Iterator<Delivery>): Delivery | null {
    try {
      const next = deliveries.next();
      return next.done ? null : next.value;
    } catch (error) {
      this.log(`the events of a write were not made: ${String(error)}`);
      return null;
    }
  }

  async #attempt(delivery: Delivery): Promise<void> {
    const { event } = delivery;
    try {
      await this.#deliver(delivery);
    } catch (error) {
      if (!this.#stopped) {
        const reason = error instanceof Error ? error.message : String(error);
        this.log(`event ${event.id} for ${event.ref} was not delivered (no retry): ${reason}`);
      }
    } finally {
      this.#inFlight -= 1;
      this.#schedule();
    }
  }

  async #deliver({ event, target, legacyType }: Delivery): Promise<void> {
    if (typeof target === 'function') {
      await target(event);
      return;
    }
    const { headers, body } =
      legacyType === null ? eventRequest(event, this.form) : legacyRequest(event, legacyType);
    const status = await this.#post(new URL(target), headers, body);
    if (status < 200 || status >= 300) {
      throw new Error(`${target} answered ${status}`);
    }
  }

  #post(url: URL, headers: Readonly<Record<string, string>>, body: string): Promise<number> {
    return new Promise((resolve, reject) => {
      const length = String(Buffer.byteLength(body));
      const sent = request(
        url,
        { method: 'POST', agent: this.#agent, headers: { ...headers, 'content-length': length } },
        (response) => {
          response.resume();
          response.once('end', () => resolve(response.statusCode ?? 0));
          response.once('error', reject);
        },
      );
      sent.once('error', (error: NodeJS.ErrnoException) => {
        // A kept-alive socket that the server had just closed: nothing was received, send anew.
        // https://nodejs.org/api/http.html#requestreusedsocket
        if (sent.reusedSocket && error.code === 'ECONNRESET' && !this.#stopped) {
          this.#post(url, headers, body).then(resolve, reject);
        } else {
          reject(error);
        }
      });
      // As bytes: Node writes a text body together with the headers, all of it as UTF-8.
      sent.end(Buffer.from(body));
    });
  }
}
