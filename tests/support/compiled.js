"use strict";
// Required before a program of Node.js: what V8 compiled of installed modules stays in the folder COMPILED for the next
// run, and is left out of this one. (From Node.js 22.1 on, NODE_COMPILE_CACHE does the same.)

const fs = require("fs");
const Module = require("module");
const path = require("path");
const vm = require("vm");

const compile = Module.prototype._compile;
Module.prototype._compile = function (content, filename) {
  // Whatever else there is may change meanwhile.
  if (!filename.includes("node_modules")) return compile.call(this, content, filename);
  const source = Module.wrap(content.replace(/^#!.*/, ""));
  const file = path.join(process.env.COMPILED, filename.replace(/\W/g, "_"));
  const cachedData = fs.existsSync(file) ? fs.readFileSync(file) : undefined;
  const script = new vm.Script(source, { filename, cachedData });
  if (cachedData === undefined) {
    process.on("exit", () => {
      fs.writeFileSync(`${file}.${process.pid}`, script.createCachedData());
      fs.renameSync(`${file}.${process.pid}`, file);
    });
  }
  const load = (name) => this.require(name);
  load.resolve = (name, options) => Module._resolveFilename(name, this, false, options);
  Object.assign(load, { main: process.mainModule, extensions: Module._extensions, cache: Module._cache });
  return script.runInThisContext().call(this.exports, this.exports, load, this, filename, path.dirname(filename));
};
