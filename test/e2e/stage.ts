import type { Emulators } from '../../local/emulators';
import type { RtdbRest } from '../../local/rtdb-rest';
import type { TestDatabase } from '../support/database';

/** What all tests here share: to start the emulators takes longer than to run them. */
export interface Stage {
  database: TestDatabase;
  emulators: Emulators;
  rtdb: RtdbRest;
}
