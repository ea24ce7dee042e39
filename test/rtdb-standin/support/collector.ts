/** Collects what callbacks deliver, so that a test awaits a number of them and never sleeps. */
export class Collector<T> {
  readonly items: T[] = [];
  #waiting: { count: number; resolve: (items: T[]) => void }[] = [];

  readonly add = (item: T): void => {
    this.items.push(item);
    this.#waiting = this.#waiting.filter(({ count, resolve }) => {
      const enough = this.items.length >= count;
      if (enough) {
        resolve(this.items);
      }
      return !enough;
    });
  };

  async atLeast(count: number): Promise<T[]> {
    return this.items.length >= count
      ? this.items
      : new Promise((resolve) => this.#waiting.push({ count, resolve }));
  }
}
