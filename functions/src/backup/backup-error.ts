import { ConfigurationError } from '../errors/mirror-error';

/** A backup that can't be used, or only up to a place. */
export class BackupError extends ConfigurationError {
  override name = 'BackupError';

  constructor(problem: string, details: { remedy?: string; cause?: unknown } = {}) {
    super(problem, { ...details, code: 'BACKUP_NOT_READ' });
  }
}

/** @param byte counted from 0, in the JSON as it is without gzip */
export function atByte(byte: number, complaint: string): BackupError {
  return new BackupError(`the backup ${complaint} (byte ${byte.toLocaleString('en')} of its JSON)`);
}
