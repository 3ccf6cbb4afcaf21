"use strict";

/**
 * Filters for the templates, beyond those of the engine.
 *
 * `{{ value | tojson }}` quotes any answer for YAML and JSON; Jinja2's filter of that name means the same, so that
 * one s.yaml serves both. What nobody gave is empty.
 */
module.exports = {
  tojson: (value) => JSON.stringify(value === undefined ? "" : value),
};
