'use strict';
/**
 * Functions of the mirror in one process, each behind functions-framework's own server: a process for each would
 * take more of this machine than all that is simulated. Prints their ports, by name.
 */
const { join } = require('node:path');

const ROOT = join(__dirname, '..');
const FRAMEWORK = join(ROOT, 'node_modules/@google-cloud/functions-framework/build/src/server.js');
const { getServer } = require(FRAMEWORK);
const functions = require(join(ROOT, 'functions'));

async function main() {
  const ports = {};
  for (const target of process.argv.slice(2)) {
    const server = getServer(functions[target], {
      ...{ target, port: '0', sourceLocation: '', printHelp: false, ignoredRoutes: null },
      ...{ enableExecutionId: false, timeoutMilliseconds: 0 },
      signatureType: target === 'mirrorApi' ? 'http' : 'cloudevent',
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    server.setTimeout(0);
    ports[target] = server.address().port;
  }
  process.stdout.write(`${JSON.stringify({ ports })}\n`);
}

void main();
