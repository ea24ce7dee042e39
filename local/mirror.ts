import { processContext } from '../functions/src/cli/context';
import { run } from '../functions/src/cli/main';
import { registerSimulate } from './simulate/simulate-command';

/** `npm run mirror -- <verb>`: the package's command line from source, and this repository's verb. */
void run(process.argv.slice(2), processContext, [registerSimulate]).then((code) => {
  process.exitCode = code;
});
