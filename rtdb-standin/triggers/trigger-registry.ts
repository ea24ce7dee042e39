import type { Commit } from '../namespace';
import { type DatabaseEvent, databaseEvents } from './database-event';
import type { Delivery, EventSender } from './event-sender';
import { type Trigger, withoutGeneration } from './trigger';

/** All triggers; turns commits into deliveries. */
export class TriggerRegistry {
  readonly #triggers = new Map<string, Trigger>();

  constructor(
    private readonly sender: EventSender,
    private readonly onEvent: ((event: DatabaseEvent) => void) | undefined,
  ) {}

  get names(): readonly string[] {
    return [...this.#triggers.values()].map((trigger) => trigger.name);
  }

  /** Adds a trigger; one of the same name but an older generation is replaced. */
  add(trigger: Trigger): void {
    this.#triggers.set(withoutGeneration(trigger.name), trigger);
  }

  /** Triggers given as options may share a pattern, so they are kept apart by a number. */
  addNumbered(trigger: Trigger): void {
    this.#triggers.set(`${trigger.name}#${this.#triggers.size}`, trigger);
  }

  /** Sends the commit's events, after the writer has been answered. */
  dispatch(commit: Commit): void {
    const triggers = [...this.#triggers.values()].filter((trigger) =>
      trigger.instance.matches(commit.namespace),
    );
    if (!commit.disableTriggers && triggers.length > 0 && commit.before !== commit.after) {
      this.sender.send(this.#deliveries(triggers, commit));
    }
  }

  *#deliveries(triggers: readonly Trigger[], commit: Commit): Generator<Delivery> {
    for (const trigger of triggers) {
      for (const event of databaseEvents(trigger, commit)) {
        this.onEvent?.(event);
        yield { event, target: trigger.target, legacyType: trigger.legacyType };
      }
    }
  }
}
