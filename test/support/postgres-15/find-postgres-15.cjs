'use strict';
const { existsSync } = require('node:fs');
const { join } = require('node:path');

/** Where the packages of Debian, of the PostgreSQL project and of Homebrew put the programs. */
const FOLDERS = [
  '/usr/lib/postgresql/15/bin',
  '/usr/pgsql-15/bin',
  '/opt/homebrew/opt/postgresql@15/bin',
  '/usr/local/opt/postgresql@15/bin',
];

/** The folder of Postgres 15's server programs, or undefined where it isn't installed. */
exports.findPostgres15 = () => FOLDERS.find((folder) => existsSync(join(folder, 'initdb')));
