"use strict";

// Gives the Serverless Devs tool arguments that stand on no command line, which everybody on a machine can read: loaded
// by Node.js before the tool (see keep_secret in call.py). Programs that only start the tool are left alone.
const fs = require("fs");

const given = process.env.OSS_OMS_SYNC_ARGUMENTS;
if (given && process.argv[1] && /serverless-devs/.test(fs.realpathSync(process.argv[1]))) {
  delete process.env.OSS_OMS_SYNC_ARGUMENTS;
  process.argv.push(...JSON.parse(given));
  // What it writes is for this user alone.
  process.umask(0o077);
}
