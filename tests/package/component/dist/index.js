"use strict";

const fs = require("fs");

/** Stands in for the fc3 component: what it is handed at deploy goes into the file that CAPTURE names. */
exports.default = class Capture {
  async deploy(inputs) {
    fs.writeFileSync(process.env.CAPTURE, JSON.stringify(inputs.props), { mode: 0o600 });
    return { captured: true };
  }
};
