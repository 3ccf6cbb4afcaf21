"use strict";

/**
 * Stops a deployment (s.yaml, `actions`) of a project that is not set up yet, or with settings that the cloud would refuse
 * halfway. The first argument is SYNC_URL as the tool read it; no secret is on the command line.
 */

const fs = require("fs");
const path = require("path");

const NEEDED = ["SYNC_URL", "HW_AK", "HW_SK", "logBucket"];
// Unquoted values that the tool does not read as text: a number, a date, a truth value, an empty value, a list or a map.
const NO_TEXT =
  /^([-+]?(0x[0-9a-f_]+|0b[01_]+|0o?[0-7_]+|[0-9_]*\.?[0-9_]+\.?(e[-+]?[0-9]+)?|\.inf|\.nan)|[0-9]{4}-[0-9]+-[0-9]+.*|true|false|null|~|[[{].*|!!(?!str\b).*)?$/i;

// The settings for which a truth value stands.
const ON_OR_OFF = { true: "on", false: "off" };
const MEANT = { compareDeep: ON_OR_OFF, readObjects: ON_OR_OFF, changeHeaders: ON_OR_OFF };

const { LC_ALL, LC_MESSAGES, LANG } = process.env;
// Windows sets none of the three.
const chinese = /^zh/i.test(LC_ALL || LC_MESSAGES || LANG || Intl.DateTimeFormat().resolvedOptions().locale);
const choose = (english, inChinese) => (chinese ? inChinese : english);

/** Return the variables under `vars` in s.yaml, unparsed. */
function readVariables() {
  const file = path.join(__dirname, "s.yaml");
  const text = fs.existsSync(file) ? fs.readFileSync(file, "utf8").replace(/\r\n/g, "\n") : "";
  const [, block] = /^vars:.*\n((?:[ #].*\n|\n)*)/m.exec(`${text}\n`) || ["", ""];
  const lines = [...block.matchAll(/^ {2}(\w+):(?: +(&\w+))? *("(?:[^"\\]|\\.)*"|'[^']*'|[^\n]*)/gm)];
  const values = lines.map(([, name, anchor, value]) => [name, value.replace(/(^| +)#.*$/, "").trim(), anchor]);
  // The value of a map is in the lines below its name.
  return Object.fromEntries(values.filter(([, value, anchor]) => value || !anchor));
}

function problems(syncUrl) {
  const variables = readVariables();
  const isEmpty = (name) => ["", '""', "''", "null", "~"].includes(variables[name]);
  // With -t the tool deploys another file, of which this program sees SYNC_URL only.
  const isOther = ![syncUrl, `"${syncUrl}"`, `'${syncUrl}'`].includes(variables.SYNC_URL || "");
  const empty = isOther ? (syncUrl ? [] : ["SYNC_URL"]) : NEEDED.filter(isEmpty);
  if (empty.length > 0) {
    const names = empty.join(choose(", ", "、"));
    return [
      choose(
        `Not set up yet: s.yaml has no ${names}. Create the missing resources: python3 ops.py setup`,
        `尚未完成设置：s.yaml 中的 ${names} 为空。请创建所缺内容：python3 ops.py setup`,
      ),
      choose(
        `A web console cannot run setup: download this project's files to a computer first (docs/deploy.md, "Alternative: a web console").`,
        `网页控制台无法运行 setup：请先在电脑上取得本项目的文件（docs/deploy.zh.md“另一种方式：网页控制台”）。`,
      ),
    ];
  }
  const wrong = isOther ? [] : Object.entries(variables).filter(([, value]) => NO_TEXT.test(value));
  return wrong.map(([name, value]) => {
    const line = `${name}: "${(MEANT[name] || {})[value.toLowerCase()] || value}"`;
    return choose(
      `${name} must be text: write ${line} in s.yaml, in quotes.`,
      `${name} 必须是文本：请在 s.yaml 中加引号，写成 ${line}。`,
    );
  });
}

const messages = problems(process.argv[2] || "");
for (const line of messages) fs.writeSync(2, `${line}\n`);
process.exitCode = messages.length > 0 ? 1 : 0;
