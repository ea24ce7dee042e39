/** What `work` answers, or a rejection when it takes longer; the work itself is not stopped. */
export function within<T>(timeoutMs: number, work: Promise<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer in ${timeoutMs} ms`)), timeoutMs);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** A signal that aborts after that time, with an error that says so. */
export function deadline(timeoutMs: number): AbortSignal {
  const controller = new AbortController();
  const late = () => controller.abort(new Error(`no answer in ${timeoutMs} ms`));
  setTimeout(late, timeoutMs).unref();
  return controller.signal;
}

/** As {@link within}, by the deadline of a signal that others share; rejects with its reason. */
export function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
    work.then(resolve, reject);
  });
}
