"use strict";

const fs = require("fs");

/** Stands in for the fc3 component: what it is handed at deploy goes into the folder that CAPTURE names. */
exports.default = class Capture {
  async deploy(inputs) {
    const file = `${process.env.CAPTURE}/${inputs.resource.name}.json`;
    fs.writeFileSync(file, JSON.stringify(inputs.props), { mode: 0o600 });
    return { captured: true };
  }
};
