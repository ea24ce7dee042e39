import type { run } from '../functions/src/cli/main';

/** `npm run mirror -- <verb>`: the package's command line from source, and this repository's verb. */
async function main(): ReturnType<typeof run> {
  const [cli, { registerSimulate }] = await Promise.all([
    import('../functions/src/cli/main'),
    import('../simulate/simulate-command'),
  ]);
  return cli.run(process.argv.slice(2), cli.processContext, [registerSimulate]);
}

main()
  .catch((error: unknown) => {
    // A path that is declared wrongly is found as its file loads.
    if (!(error instanceof Error) || error.name !== 'ConfigurationError') throw error;
    process.stderr.write(`mirror: ${error.message}\n`);
    return 2;
  })
  .then((code) => {
    process.exitCode = code;
  });
