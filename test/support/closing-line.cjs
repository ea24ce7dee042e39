'use strict';
const { writeFileSync, writeSync } = require('node:fs');

/**
 * Jest reporter for the closing line "N passed, N failed, N skipped". Jest prints its own summary
 * after the reporters have run, so the line is left to test/run.mjs (QUEST_TEST_SUMMARY names the
 * file it reads), or to the end of the process when jest runs without it.
 */
class ClosingLine {
  onRunComplete(_contexts, results) {
    const line = closingLine(results);
    const summaryFile = process.env.QUEST_TEST_SUMMARY;
    if (summaryFile) writeFileSync(summaryFile, JSON.stringify({ line }));
    else process.once('exit', () => writeSync(2, `${line}\n`));
  }
}

/** A suite that does not even load has no tests to count; it must not look like nothing. */
function closingLine(results) {
  const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
  const skipped = results.numPendingTests + results.numTodoTests;
  return `${results.numPassedTests} passed, ${failed} failed, ${skipped} skipped`;
}

module.exports = ClosingLine;
