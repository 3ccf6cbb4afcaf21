"use strict";

/**
 * Filters for the templates, beyond those of the engine.
 *
 * `{{ value | tojson }}` quotes any answer for YAML and JSON; Jinja2's filter of that name means the same, so that
 * one s.yaml serves both. An answer that was not given becomes null, which the hook refuses by name.
 */
module.exports = {
  tojson: (value) => (value === undefined ? "null" : JSON.stringify(value)),
};
