"use strict";

const http = require("http");
const path = require("path");
const { component } = require("../commands.json");

/** Stands in for the fc3 component: hands what the tool asks for to tests/package/tool.py, and prints what that answers. */
exports.default = class Fc3 {
  // The tool refuses a resource that is called as one of these.
  commands = Object.fromEntries(component.map((name) => [name, {}]));
  deploy = (inputs) => ask("deploy", inputs);
  invoke = (inputs) => ask("invoke", inputs);
  logs = (inputs) => ask("logs", inputs);
  remove = (inputs) => ask("remove", inputs);
};

function ask(action, { resource, props, args, yaml }) {
  const call = { action, resource: resource.name, props, args, folder: path.dirname(path.resolve(yaml.path)) };
  return new Promise((resolve, reject) => {
    const request = http.request(process.env.FC3_STAND_IN, { method: "POST" }, async (response) => {
      const text = Buffer.concat(await response.toArray()).toString();
      if (response.statusCode !== 200) return reject(new Error(text));
      process.stdout.write(text);
      resolve();
    });
    request.on("error", reject);
    const body = JSON.stringify(call);
    request.setHeader("Content-Length", Buffer.byteLength(body));
    request.end(body);
  });
}
