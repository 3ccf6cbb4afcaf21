"use strict";

/**
 * Filters for the templates, beyond those of the engine.
 *
 * `{{ value | tojson }}` quotes an answer for YAML and JSON, as Jinja2's filter of that name does, so both render the
 * same s.yaml. A missing answer is empty.
 */
module.exports = {
  tojson: (value) => JSON.stringify(value === undefined ? "" : value),
};
