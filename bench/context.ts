import type { BenchOptions } from './arguments';
import type { Contender } from './contenders';
import type { Databases } from './databases';
import type { LoadGenerator } from './load/load-generator';

/** What every section works with. */
export interface Context {
  options: BenchOptions;
  contenders: Contender[];
  databases: Databases;
  generator: LoadGenerator;
  /** Progress, to stderr. */
  say(line: string): void;
}
