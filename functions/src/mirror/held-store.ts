import type { MirrorStore } from './mirror-store';

/**
 * The store of an instance: opened by the first event that needs it, and closed again once mirroring is
 * off and the last event that was let through before is done.
 */
export class HeldStore {
  #store: MirrorStore | null = null;
  #users = 0;

  constructor(private readonly open: () => MirrorStore) {}

  get(): MirrorStore {
    this.#store ??= this.open();
    return this.#store;
  }

  enter(): void {
    this.#users += 1;
  }

  /** @returns what to await before answering; undefined = nothing */
  leave(isWanted: boolean): Promise<void> | undefined {
    this.#users -= 1;
    if (isWanted || this.#users > 0 || this.#store === null) return undefined;
    const store = this.#store;
    this.#store = null;
    // Not worth failing an event for: all that was sent has been answered.
    return store.close().catch(() => {});
  }
}
