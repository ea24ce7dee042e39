import { completionPath } from '../../paths/quest-completions/completion-path';
import { escapeText } from '../../values/storable';
import { findingsParameter } from '../postgres/reconcile-findings';
import type { Finding } from './mismatch';

/** The second parameter of LOG_FINDINGS. RTDB's keys may hold what Postgres's text refuses. */
export function findingsOf(findings: readonly Finding[]): string {
  return findingsParameter(
    findings.map((finding) => {
      const { coupleId, dateKey, questId, userId } = finding.key;
      return {
        ...finding,
        ref: escapeText(completionPath(finding.key)),
        key: {
          coupleId: escapeText(coupleId),
          dateKey,
          questId: escapeText(questId),
          userId: escapeText(userId),
        },
      };
    }),
  );
}
