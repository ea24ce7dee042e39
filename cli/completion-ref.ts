import {
  COMPLETION_PATTERN,
  type CompletionKey,
  parseCompletionPath,
} from '../functions/src/quests/completion-path';
import { UsageError } from './errors';

/** Reads a leaf's path that a person typed. Throws UsageError that names the field. */
export function completionRef(text: string): CompletionKey {
  const path = text.replace(/^\/+/, '');
  const parsed = parseCompletionPath(path);
  if (parsed.ok) return parsed.leaf;
  const [issue] = parsed.issues;
  throw new UsageError(`${issue?.field ?? 'ref'}: ${issue?.message ?? COMPLETION_PATTERN}`);
}
