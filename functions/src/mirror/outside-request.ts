import type { Domain } from 'node:domain';

/**
 * Runs what is shared between requests outside of the one that happens to start it.
 * functions-framework gives each request a `domain`; whatever is made in there (sockets, timers)
 * would report its errors to that request for as long as it lives, and every callback of it would
 * go through the domain, which costs about a tenth of an event's CPU.
 */
export function outsideRequest<T>(work: () => T): T {
  const { domain }: { domain?: Domain | null } = process as NodeJS.Process & {
    domain?: Domain | null;
  };
  if (!domain) return work();
  domain.exit();
  try {
    return work();
  } finally {
    domain.enter();
  }
}
