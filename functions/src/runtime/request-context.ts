import { AsyncLocalStorage } from 'node:async_hooks';
import type { Domain } from 'node:domain';

/** What ran when this file was loaded, which is no request: see deploy/create-mirror.ts. */
const outsideContext = AsyncLocalStorage.snapshot();

/**
 * Runs what is shared between requests outside of the one that happens to start it.
 * functions-framework gives each request a `domain`; whatever is made in there (sockets, timers)
 * would report its errors to that request for as long as it lives, and every callback of it would
 * go through the domain, which costs about a tenth of an event's CPU. Its log lines would bear that
 * request's trace.
 */
export function withoutRequestContext<T>(work: () => T): T {
  const { domain }: { domain?: Domain | null } = process as NodeJS.Process & {
    domain?: Domain | null;
  };
  if (!domain) return outsideContext(work);
  domain.exit();
  try {
    return outsideContext(work);
  } finally {
    domain.enter();
  }
}
