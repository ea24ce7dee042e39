/** What is to be undone, the last first, once. */
export class Cleanups {
  #steps: (() => Promise<unknown> | void)[] = [];
  #running: Promise<void> | null = null;

  add(step: () => Promise<unknown> | void): void {
    this.#steps.push(step);
  }

  /** Undoes all of it; a step that fails does not keep the others from being done. */
  run(): Promise<void> {
    this.#running ??= this.#undo();
    return this.#running;
  }

  async #undo(): Promise<void> {
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      await Promise.resolve(step()).catch(() => {});
    }
  }
}
